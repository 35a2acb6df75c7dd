"""A publisher and viewer over moq-rs, as client or as server, driven by JSON lines on stdin.

Every line in is one command, every line out one event; `src/python-peer.ts`
is the other end and documents both. Payloads travel as base64.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys

import moq

# Payloads above this size are reported by length and hash only.
INLINE_LIMIT = 4096


def emit(event: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def describe(payload: bytes) -> dict[str, object]:
    fields: dict[str, object] = {"size": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    if len(payload) <= INLINE_LIMIT:
        fields["payload"] = base64.b64encode(payload).decode()
    return fields


class Viewer:
    """Reads one track of one broadcast, again each time it is announced anew."""

    def __init__(self, peer: Peer, command: dict) -> None:
        self.peer = peer
        self.name: str = command["viewer"]
        self.path: str = command["path"]
        self.track: str = command["track"]
        self.max_age_us: int = command.get("maxAgeMs", 0) * 1000
        self.paused = asyncio.Event()
        self.paused.set()
        self.current: asyncio.Task | None = None

    def start(self) -> None:
        self.stop()
        self.current = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self.current is not None:
            self.current.cancel()
            self.current = None

    async def _run(self) -> None:
        try:
            broadcast = await self.peer.client.request_broadcast(self.path)
            track = await broadcast.subscribe_track(
                self.track, moq.Subscription(priority=0, max_age_us=self.max_age_us)
            )
            emit("subscribed", viewer=self.name)
            readers: set[asyncio.Task] = set()
            try:
                while True:
                    await self.paused.wait()
                    group = await track.recv_group()
                    if group is None:
                        break
                    task = asyncio.create_task(self._read(group))
                    readers.add(task)
                    task.add_done_callback(readers.discard)
                if readers:
                    await asyncio.gather(*readers)
                emit("track-end", viewer=self.name)
            finally:
                for task in readers:
                    task.cancel()
                track.cancel()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # reported, never hidden: the test decides
            emit("track-error", viewer=self.name, error=f"{type(error).__name__}: {error}")

    async def _read(self, group: moq.GroupConsumer) -> None:
        sequence = group.sequence
        index = 0
        emit("group", viewer=self.name, group=sequence)
        try:
            while True:
                await self.paused.wait()
                frame = await group.read_frame()
                if frame is None:
                    break
                emit(
                    "frame",
                    viewer=self.name,
                    group=sequence,
                    index=index,
                    timestampUs=frame.timestamp_us,
                    **describe(frame.payload),
                )
                index += 1
            emit("group-end", viewer=self.name, group=sequence, frames=index)
        except asyncio.CancelledError:
            group.cancel()
            raise
        except Exception as error:
            emit(
                "group-error",
                viewer=self.name,
                group=sequence,
                frames=index,
                error=f"{type(error).__name__}: {error}",
            )


class Publication:
    """One broadcast with one track."""

    def __init__(self, peer: Peer, command: dict) -> None:
        self.name: str = command["publication"]
        self.broadcast = peer.client.create_broadcast(command["path"])
        self.track = self.broadcast.publish_track(
            command["track"], moq.TrackInfo(max_age_us=command.get("maxAgeMs", 5000) * 1000)
        )
        self.group: moq.GroupProducer | None = None
        self.index = 0
        self.ticking: asyncio.Task | None = None
        self.watching = asyncio.create_task(self._watch_demand())
        self.broadcast.announce()

    async def _watch_demand(self) -> None:
        demand = self.track.demand()
        try:
            while True:
                await demand.used()
                emit("demand", publication=self.name, used=True)
                await demand.unused()
                emit("demand", publication=self.name, used=False)
        except moq.Error:
            return  # the track is over

    def open_group(self, sequence: int | None) -> None:
        if self.group is not None:
            self.group.finish()
        self.group = self.track.append_group() if sequence is None else self.track.create_group(sequence)
        self.index = 0
        emit("published-group", publication=self.name, group=self.group.sequence)

    def write(self, payload: bytes) -> None:
        if self.group is None:
            self.open_group(None)
        assert self.group is not None
        self.group.write_frame(payload)
        emit(
            "published",
            publication=self.name,
            group=self.group.sequence,
            index=self.index,
            **describe(payload),
        )
        self.index += 1

    def tick(self, interval_ms: int, frames_per_group: int) -> None:
        self.ticking = asyncio.create_task(self._tick(interval_ms / 1000, frames_per_group))

    async def _tick(self, interval: float, frames_per_group: int) -> None:
        count = 0
        while True:
            if count % frames_per_group == 0:
                self.open_group(None)
            assert self.group is not None
            self.write(f"{self.name} group {self.group.sequence} frame {self.index}".encode())
            count += 1
            await asyncio.sleep(interval)

    def finish(self) -> None:
        if self.ticking is not None:
            self.ticking.cancel()
        if self.group is not None:
            self.group.finish()
        self.watching.cancel()
        self.track.finish()
        self.broadcast.close()


def dial(url: str) -> moq.Client:
    return moq.Client(
        url,
        tls_verify=False,
        # One transport, so that a test knows what it measures.
        websocket_enabled=url.startswith("ws"),
        backoff=moq.Backoff(initial_us=200_000, multiplier=2, max_us=500_000, timeout_us=0),
    )


class Listener:
    """What of a client is used, over a server: all its sessions and this process share one origin."""

    def __init__(self, cert: str, key: str) -> None:
        self.origin = moq.OriginProducer()
        self.consumer = self.origin.consume()
        self.server = moq.Server(
            "127.0.0.1:0", tls_cert=[cert], tls_key=[key], publish=self.origin, subscribe=self.origin
        )
        self.session = None
        self.serving: asyncio.Task | None = None

    async def __aenter__(self) -> None:
        await self.server.__aenter__()
        self.serving = asyncio.create_task(self.server.serve())
        emit("listening", address=self.server.local_addr)

    async def __aexit__(self) -> None:
        if self.serving is not None:
            self.serving.cancel()
        await self.server.__aexit__()

    def create_broadcast(self, path: str) -> moq.BroadcastProducer:
        return self.server.create_broadcast(path)

    def announced(self) -> moq.AnnounceConsumer:
        return self.consumer.announced()

    async def request_broadcast(self, path: str) -> moq.BroadcastConsumer:
        return await self.consumer.request_broadcast(path)


class Peer:
    def __init__(self, command: dict) -> None:
        self.client = (
            Listener(command["cert"], command["key"]) if command["op"] == "listen" else dial(command["url"])
        )
        self.viewers: dict[str, Viewer] = {}
        self.publications: dict[str, Publication] = {}
        self.live: set[str] = set()
        self.background: list[asyncio.Task] = []

    async def connect(self) -> None:
        await self.client.__aenter__()
        if self.client.session is not None:
            self.background.append(asyncio.create_task(self._watch_status()))
        self.background.append(asyncio.create_task(self._watch_announced()))

    async def _watch_status(self) -> None:
        session = self.client.session
        assert session is not None
        try:
            while True:
                status = await session.status()
                emit("status", status=status.name.lower(), epoch=session.epoch())
        except moq.Error as error:
            emit("closed", error=str(error))

    async def _watch_announced(self) -> None:
        try:
            async for update in self.client.announced():
                emit("announced", path=update.prefix, active=update.active, hops=update.route.hops)
                was_live = update.prefix in self.live
                if update.active:
                    self.live.add(update.prefix)
                else:
                    self.live.discard(update.prefix)
                for viewer in self.viewers.values():
                    if viewer.path != update.prefix:
                        continue
                    # A retraction leaves what is being read alone, as the relay does.
                    if update.active and not was_live:
                        viewer.start()
        except moq.Error as error:
            emit("announced-error", error=str(error))

    def handle(self, command: dict) -> None:
        op = command["op"]
        if op == "view":
            viewer = Viewer(self, command)
            self.viewers[viewer.name] = viewer
            if viewer.path in self.live:
                viewer.start()
        elif op == "leave":
            self.viewers.pop(command["viewer"]).stop()
        elif op == "pause":
            self.viewers[command["viewer"]].paused.clear()
        elif op == "resume":
            self.viewers[command["viewer"]].paused.set()
        elif op == "publish":
            self.publications[command["publication"]] = Publication(self, command)
        elif op == "group":
            self.publications[command["publication"]].open_group(command.get("group"))
        elif op == "write":
            publication = self.publications[command["publication"]]
            publication.write(base64.b64decode(command["payload"]))
        elif op == "tick":
            publication = self.publications[command["publication"]]
            publication.tick(command["intervalMs"], command["framesPerGroup"])
        elif op == "finish":
            self.publications.pop(command["publication"]).finish()
        else:
            raise ValueError(f"unknown op {op}")

    async def close(self) -> None:
        for viewer in self.viewers.values():
            viewer.stop()
        for task in self.background:
            task.cancel()
        await self.client.__aexit__()


async def main() -> None:
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    first = json.loads(await reader.readline())
    peer = Peer(first)
    await peer.connect()
    emit("connected")
    while line := await reader.readline():
        command = json.loads(line)
        if command["op"] == "quit":
            break
        try:
            peer.handle(command)
        except Exception as error:
            emit("command-error", op=command.get("op"), error=f"{type(error).__name__}: {error}")
        emit("done", id=command["id"])
    await peer.close()
    emit("bye")


asyncio.run(main())
