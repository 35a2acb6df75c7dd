import type { Framing } from "./frame.js";

/** Newest first, the order in which a server prefers them. */
export const QMUX_FRAMINGS = ["qmux-02", "qmux-01", "qmux-00"] as const;

/** What a WebSocket subprotocol says. */
export interface Subprotocol {
  readonly framing: Framing;
  /** The application protocol after the dot, `undefined` for a bare framing. */
  readonly protocol: string | undefined;
}

/** Which framings a client offers, in order. */
export interface OfferOptions {
  readonly protocols: readonly string[];
  readonly framings: readonly Framing[];
}

/** A qmux framing with an application protocol, or a framing alone. */
export function formatSubprotocol({ framing, protocol }: Subprotocol): string {
  return protocol === undefined ? framing : `${framing}.${protocol}`;
}

/** What was agreed; `undefined` for a name that is none of ours. */
export function parseSubprotocol(name: string): Subprotocol | undefined {
  if (name === "webtransport") return { framing: name, protocol: undefined };
  for (const framing of QMUX_FRAMINGS) {
    if (name === framing) return { framing, protocol: undefined };
    const prefix = `${framing}.`;
    if (name.startsWith(prefix) && name.length > prefix.length) {
      return { framing, protocol: name.slice(prefix.length) };
    }
  }
  return undefined;
}

/**
 * The subprotocols to offer: each application protocol in each qmux framing, or
 * the bare framings where there is none; the legacy framing, which cannot name
 * one, comes last.
 */
export function offeredSubprotocols({ protocols, framings }: OfferOptions): string[] {
  const qmux = framings.filter((framing) => framing !== "webtransport");
  const wanted: readonly (string | undefined)[] = protocols.length > 0 ? protocols : [undefined];
  const names = wanted.flatMap((protocol) =>
    qmux.map((framing) => formatSubprotocol({ framing, protocol })),
  );
  return framings.includes("webtransport") ? [...names, "webtransport"] : names;
}

/**
 * The server's choice among what a client offers: its own most wanted protocol,
 * in the newest framing; then the bare framings. A client that offers nothing
 * speaks the legacy framing. `undefined` when nothing fits.
 */
export function selectSubprotocol(
  offered: readonly string[],
  { protocols, framings }: OfferOptions,
): Subprotocol | undefined {
  if (offered.length === 0) {
    return framings.includes("webtransport")
      ? { framing: "webtransport", protocol: undefined }
      : undefined;
  }
  const named = protocols.flatMap((protocol) =>
    framings
      .filter((framing) => framing !== "webtransport")
      .map((framing): Subprotocol => ({ framing, protocol })),
  );
  const bare = framings.map((framing): Subprotocol => ({ framing, protocol: undefined }));
  return [...named, ...bare].find((choice) => offered.includes(formatSubprotocol(choice)));
}
