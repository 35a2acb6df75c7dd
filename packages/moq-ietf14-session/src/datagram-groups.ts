import { OBJECT_STATUS, type ObjectDatagram } from "@moq-bridge/moq-wire/ietf14";
import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import type { Counters } from "./stats.js";

/**
 * Turns the datagrams of one track into groups: each object is a frame of its
 * group as soon as it is here. Datagrams come in any order and may be lost, so
 * a group goes on until a newer one begins or an object says that it is the
 * last; what comes later than something newer is dropped and counted.
 */
export class DatagramGroups {
  readonly #track: TrackProducer;
  readonly #counters: Counters;
  readonly #now: () => number;
  #groupId = -1;
  #nextObjectId = 0;
  /** Absent once the group is over. */
  #group: GroupProducer | undefined;

  constructor(track: TrackProducer, counters: Counters, now: () => number) {
    this.#track = track;
    this.#counters = counters;
    this.#now = now;
  }

  /** An object arrived. @throws {MoqError} when its track took another turn (`instance_replaced`) */
  handle(datagram: ObjectDatagram): void {
    const { groupId, objectId, content, endOfGroup } = datagram;
    if (datagram.extensions) this.#counters.extensionsDropped++;
    if (groupId > this.#groupId) this.#begin(groupId, objectId);
    if (groupId < this.#groupId || objectId < this.#nextObjectId || !this.#group) {
      this.#counters.datagramsDropped++;
      return;
    }
    this.#counters.objectGaps += objectId - this.#nextObjectId;
    this.#nextObjectId = objectId + 1;
    if (content.type === "payload") this.#write(this.#group, content.payload);
    else this.#counters.statusObjectsDropped++;
    if (endOfGroup || (content.type === "status" && content.status !== OBJECT_STATUS.normal)) {
      this.#finish();
    }
  }

  /** No more datagrams come from this source; the group waits for the next. */
  end(): void {
    this.#group = undefined;
  }

  #begin(groupId: number, objectId: number): void {
    this.#finish();
    this.#groupId = groupId;
    this.#nextObjectId = objectId;
    const group = this.#track.openGroup(groupId);
    // What an earlier source delivered is not repeated by datagrams.
    group?.startAt(group.nextFrame);
    group?.onUnwanted(() => {
      if (this.#group === group) this.#group = undefined;
    });
    if (group) this.#counters.groupsReceived++;
    this.#group = group;
  }

  #write(group: GroupProducer, payload: Uint8Array): void {
    this.#counters.datagramsReceived++;
    this.#counters.objectsReceived++;
    group.beginFrame({ size: payload.byteLength, arrivedAt: this.#now() });
    if (payload.byteLength > 0) group.writeChunk(payload);
  }

  #finish(): void {
    this.#group?.finish();
    this.#group = undefined;
  }
}
