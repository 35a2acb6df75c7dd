import type { Address } from "./connection.js";

/** What the form says. */
export interface Settings {
  readonly role: "publish" | "watch";
  readonly address: Address;
  readonly name: string;
  readonly source: "pattern" | "camera";
  readonly registry: string;
}

/**
 * Fills the form from the page's address, so that a link can say everything. A
 * token in the server's address goes into the field that does not show it.
 */
export function fillForm(form: HTMLFormElement, search: URLSearchParams): void {
  const { url, token } = splitToken(search.get("url") ?? "");
  const values = new Map(search);
  if (token) values.set("url", url).set("token", token);
  for (const [name, value] of values) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement)
      field.value = value;
  }
}

/** @throws {Error} a sentence, when something is missing */
export function readForm(form: HTMLFormElement): Settings {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? "").trim();
  const url = text("url");
  const name = text("name");
  if (url === "") throw new Error("Say the server's address.");
  if (name === "") throw new Error("Say the stream's name.");
  const fingerprint = text("fingerprint");
  return {
    role: text("role") === "publish" ? "publish" : "watch",
    address: {
      side: text("side") === "cloudflare" ? "cloudflare" : "relay",
      url: joinToken(url, text("token")),
      ...(fingerprint && { fingerprint }),
    },
    name,
    source: text("source") === "camera" ? "camera" : "pattern",
    registry: text("registry"),
  };
}

/** Takes the token out of a server's address; what is no address has none. */
export function splitToken(address: string): { readonly url: string; readonly token: string } {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const token = url?.searchParams.get("jwt");
  if (!url || !token) return { url: address, token: "" };
  url.searchParams.delete("jwt");
  return { url: url.href, token };
}

/** The address with the token as `?jwt=`; an empty token leaves it as it is. */
export function joinToken(address: string, token: string): string {
  if (token === "" || !URL.canParse(address)) return address;
  const url = new URL(address);
  url.searchParams.set("jwt", token);
  return url.href;
}
