import {
  type HttpGetOptions,
  type HttpResponse,
  MoqError,
  type Runtime,
} from "@moq-bridge/runtime";

/** Where the answers of a registry come from. */
export interface AnswerSource {
  /** Names it in logs and errors; holds no secret. */
  readonly label: string;
  /** An answer of any status; the headers are what makes the request conditional. */
  get(options: HttpGetOptions): Promise<HttpResponse>;
  /** Calls back whenever it may have changed, until the function it gives is called. */
  watch?(onChange: () => void): () => void;
}

/** What {@link httpSource} asks. */
export interface HttpSourceOptions {
  readonly runtime: Runtime;
  /** `http://` or `https://`. A user name and password in it are sent as basic authorization. */
  readonly url: string;
  /** Further request headers, asked for before each request. */
  readonly headers?: () => Promise<Readonly<Record<string, string>>>;
}

/**
 * A registry that answers HTTP GET.
 *
 * @throws {MoqError} `registry_url`
 */
export function httpSource({ runtime, url: text, headers }: HttpSourceOptions): AnswerSource {
  const { url, label, authorization } = readRegistryUrl(text);
  return {
    label,
    get: async (options) =>
      runtime.httpGet(url, {
        ...options,
        headers: {
          accept: "application/json",
          ...authorization,
          ...(await headers?.()),
          ...options.headers,
        },
      }),
  };
}

/**
 * The address without credentials, which would end up in errors; and its
 * origin, the only part that is shown.
 *
 * @throws {MoqError} `registry_url`
 */
export function readRegistryUrl(text: string): {
  url: string;
  label: string;
  authorization: Readonly<Record<string, string>>;
} {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new MoqError("registry_url", "the registry's address must be http:// or https://", {
      scope: "process",
    });
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  if (username === "" && password === "") {
    return { url: url.href, label: url.origin, authorization: {} };
  }
  const credentials = `${percentDecode(username)}:${percentDecode(password)}`;
  const basic = Buffer.from(credentials, "utf8").toString("base64");
  return { url: url.href, label: url.origin, authorization: { authorization: `Basic ${basic}` } };
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
