import type { TransportSession } from "@moq-bridge/transport";

/** Takes one plain line about what happens. Nothing secret is ever in it. */
export type RelayLog = (line: string) => void;

/** A relay that lives in this process. */
export interface EmbeddedRelay {
  /** The application protocols to listen with. */
  readonly protocols: readonly string[];
  /** Unfinished unidirectional streams it lets a peer have; absent: the transport's default. */
  readonly maxUniStreams?: number | undefined;
  /** Sessions there are now. */
  readonly sessions: number;
  /** Serves one accepted connection until it ends; never rejects. */
  serve(transport: TransportSession): Promise<void>;
  /** Ends every session and forgets everything. */
  close(): void;
}
