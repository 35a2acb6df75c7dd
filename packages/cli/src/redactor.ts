/** Stands in a line where a secret stood. */
export const MASK = "[hidden]";

/** Shorter texts are not hidden wherever they occur: that would hide everything and protect nothing. */
const SHORTEST_SECRET = 4;

const URL_IN_TEXT =
  /\b((?:https?|wss?|moqt|quic):\/\/)([^\s/?#"'<>]*@)?([^\s/?#"'<>@]*)([^\s?#"'<>]*)(\?[^\s#"'<>]*)?(#[^\s"'<>]*)?/gi;
/** After a colon only in quotes: "the token: expired" is prose. */
const NAMED_SECRET =
  /(jwt|token|api_?key|secret|password|signature)(["']?(?:=|%3D)["']?|["']?:\s*["'])([^&\s"'#;,}]+)/gi;
const AUTHORIZATION = /(authorization"?\s*[:=]\s*"?)(?:[a-z]+\s+)?[^\s"',}]+/gi;
/** Starts at the beginning of a run only, so that a long one is looked at once. */
const DOTTED_RUN = /(?<![\w-])[\w-]+(?:\.[\w-]+)+/g;
const JWT_IN_RUN = /eyJ[\w-]*\.[\w-]/;

/**
 * Takes secrets out of text on its way to a log: those it was told of, in
 * plain, percent-encoded and JSON form; and what looks like one (a JWT, a
 * `jwt=` or `token=` value, the query and user of any URL, the path of a configured one).
 */
export class Redactor {
  readonly #secrets = new Set<string>();
  /** Every form of every secret, longest first: a secret may contain another. */
  #forms: readonly string[] = [];
  readonly #hosts = new Set<string>();

  /** Hides `secret` from now on. */
  addSecret(secret: string): void {
    if (secret.length < SHORTEST_SECRET || this.#secrets.has(secret)) return;
    this.#secrets.add(secret);
    const forms = new Set([...this.#forms, ...formsOf(secret)]);
    this.#forms = [...forms].sort((a, b) => b.length - a.length);
  }

  /** Hides what may be secret in a configured URL: user, query values, path parts that look like a token; its path wherever the whole URL is shown. */
  addUrl(text: string): void {
    if (!URL.canParse(text)) return;
    const url = new URL(text);
    this.#hosts.add(url.host);
    for (const secret of [url.password, ...url.searchParams.values()]) this.#addDecoded(secret);
    for (const part of url.pathname.split("/")) if (looksLikeToken(part)) this.#addDecoded(part);
  }

  /** `text` without its secrets. */
  redact(text: string): string {
    let result = text;
    // First: a pattern could cut a secret in two and leave the rest.
    for (const form of this.#forms) result = result.replaceAll(form, MASK);
    return result
      .replace(URL_IN_TEXT, (_, scheme, user, host, path, query, fragment) => {
        const shownPath =
          this.#hosts.has(host.toLowerCase()) && path.length > 1 ? `/${MASK}` : path;
        const shownUser = user ? `${MASK}@` : "";
        return `${scheme}${shownUser}${host}${shownPath}${query ? `?${MASK}` : ""}${fragment ? `#${MASK}` : ""}`;
      })
      .replace(AUTHORIZATION, `$1${MASK}`)
      .replace(NAMED_SECRET, `$1$2${MASK}`)
      .replace(DOTTED_RUN, (run) => (JWT_IN_RUN.test(run) ? MASK : run));
  }

  #addDecoded(text: string): void {
    this.addSecret(text);
    try {
      this.addSecret(decodeURIComponent(text));
    } catch {
      // Not percent-encoded after all: the text itself is hidden.
    }
  }
}

function formsOf(secret: string): string[] {
  const forms = [secret, JSON.stringify(secret).slice(1, -1)];
  forms.push(new URLSearchParams({ s: secret }).toString().slice(2));
  try {
    forms.push(encodeURIComponent(secret), encodeURI(secret));
  } catch {
    // A lone surrogate has no percent-encoding.
  }
  return forms.flatMap((form) => [form, form.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())]);
}

/** Long, or letters mixed with digits: a name is rarely either. */
function looksLikeToken(part: string): boolean {
  return part.length >= 20 || (part.length >= 8 && /\d/.test(part) && /[a-z]/i.test(part));
}
