/** The part of a W3C `MessageChannel` that is used; the types of Node.js know another. */
interface Channel {
  readonly port1: { onmessage: (() => void) | null };
  readonly port2: { postMessage(message: undefined): void };
}

const waiting: (() => void)[] = [];
let channel: Channel | undefined;

/**
 * Calls back in a later turn of the event loop, when every promise chain that is
 * ready has run; calls come in order.
 */
export function inNextTurn(callback: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(callback);
    return;
  }
  // Browsers make timers wait 4 ms once they are nested; messages come at once.
  channel ??= openChannel();
  waiting.push(callback);
  channel.port2.postMessage(undefined);
}

function openChannel(): Channel {
  const opened = new MessageChannel() as unknown as Channel;
  opened.port1.onmessage = () => waiting.shift()?.();
  return opened;
}
