import type { Address } from "./connection.js";

/** What the form says. */
export interface Settings {
  readonly role: "publish" | "watch";
  readonly address: Address;
  readonly name: string;
  readonly source: "pattern" | "camera";
  readonly registry: string;
}

/** Fills the form from the page's address, so that a link can say everything. */
export function fillForm(form: HTMLFormElement, search: URLSearchParams): void {
  for (const [name, value] of search) {
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
      url,
      ...(fingerprint && { fingerprint }),
    },
    name,
    source: text("source") === "camera" ? "camera" : "pattern",
    registry: text("registry"),
  };
}
