/** A dependency of a crate's own lock file that is pinned to another version. */
export interface LockOverride {
  readonly package: string;
  readonly from: string;
  readonly to: string;
  /** Why; shown when the override is applied. */
  readonly reason: string;
}

/** A real peer built by `cargo install --locked`. */
export interface CargoPeer {
  readonly crate: string;
  readonly version: string;
  /** Absent: the crate's default features. Present: these and no others. */
  readonly features?: readonly string[];
  readonly override?: LockOverride;
  /** The executable, where the table's name is another; such a peer has an installation root of its own. */
  readonly executable?: string;
}

/** Real relays and clients, in build order. The last is the relay as it was in December 2025. */
export const CARGO_PEERS = {
  "moq-relay-ietf": { crate: "moq-relay-ietf", version: "0.7.19" },
  "moq-clock-ietf": { crate: "moq-clock-ietf", version: "0.6.15" },
  "moq-relay": {
    crate: "moq-relay",
    version: "0.17.10",
    features: ["noq", "websocket"],
    override: {
      package: "webpki-roots",
      from: "1.0.11",
      to: "1.0.10",
      reason:
        "moq-relay 0.17.10's Cargo.lock pins webpki-roots 1.0.11, which some registry mirrors refuse to serve; " +
        "both versions only carry a list of public roots, which the tests do not use",
    },
  },
  "moq-pub": { crate: "moq-pub", version: "0.8.15" },
  "moq-sub": { crate: "moq-sub", version: "0.4.9" },
  "moq-test-client": { crate: "moq-test-client", version: "0.1.7" },
  "moq-relay-0.10.0": { crate: "moq-relay", version: "0.10.0", executable: "moq-relay" },
} as const satisfies Record<string, CargoPeer>;

/** An executable of {@link CARGO_PEERS}. */
export type CargoPeerName = keyof typeof CARGO_PEERS;

/** The Python client and server of the moq-dev project: PyPI `moq-rs`, imported as `moq`. */
export const PYTHON_PEER = { package: "moq-rs", version: "0.5.1", module: "moq" } as const;

/** The second Node.js that the unit suite runs on. */
export const SECOND_NODE = { version: "24.21.0" } as const;

/**
 * Cargo's release profile for peers: they are fast enough unoptimised, and the
 * build takes a third of the time.
 */
export const CARGO_PROFILE = {
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
  CARGO_PROFILE_RELEASE_DEBUG: "0",
} as const;
