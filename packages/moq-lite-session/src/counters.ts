import { DurationHistogram } from "@moq-bridge/runtime";

/** What a session counted since it began; gauges say so. */
export class Counters {
  /** Gauge: broadcasts the peer announces that were taken over. */
  broadcastsIn = 0;
  /** Gauge: broadcasts announced to the peer. */
  broadcastsOut = 0;
  /** Gauge: our subscriptions with the peer. */
  subscriptionsIn = 0;
  /** Gauge: the peer's subscriptions with us. */
  subscriptionsOut = 0;
  groupsIn = 0;
  groupsOut = 0;
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Announcements dropped because they came back to where they passed. */
  loopsDropped = 0;
  /** Announcements with a path or chain that cannot be carried. */
  broadcastsRefused = 0;
  /** Group streams nobody wanted: complete already, of an ended subscription, or beyond what is held for one. */
  groupsRefused = 0;
  /** Group streams that broke off, by the peer's reset or inside a frame. */
  groupsBroken = 0;
  /** Our group streams reset because their reader was too far behind. */
  groupsBehind = 0;
  /** Groups a reader never got because it was too far behind. */
  groupsSkipped = 0;
  /** Subscriptions asked for again after their stream failed. */
  subscriptionsRetried = 0;
  /** FETCH requests answered with a group. */
  fetchesServed = 0;
  /** FETCH requests refused: the group is not stored here. */
  fetchesRefused = 0;
  /** Datagrams taken as groups of one frame. */
  datagramsIn = 0;
  /** Datagrams of no subscription, or whose group is here already. */
  datagramsDropped = 0;
  /** SUBSCRIBE_DROP messages, whose gaps the Origin does not represent. */
  dropsReceived = 0;
  /** Streams of a type this library does not know. */
  unknownStreams = 0;
  /** Messages that are legal but hold a number above 2^53 - 1 or a path that is too long. */
  unsupportedMessages = 0;
  /** From the reading of each frame's header off the network to its hand-over to this transport; not of frames older than the subscription. */
  readonly addedLatency = new DurationHistogram();
}
