import { type D1, D1Store } from "./d1-store.js";
import { Problem } from "./problem.js";
import { createRegistryService, type FetchHandler } from "./service.js";
import { type RegistryVariables, readVariables } from "./settings.js";

interface Environment extends RegistryVariables {
  /** The database, see `wrangler.jsonc`. */
  readonly DB: D1;
}

// biome-ignore lint/style/noRestrictedGlobals: a Worker's own clock; everything below gets it passed
const now = () => Date.now();
// biome-ignore lint/suspicious/noConsole: a Worker's log
const onFailure = (error: unknown) => console.error(error);

/** A Worker's environment is the same object for as long as its instance lives. */
const handlers = new WeakMap<Environment, FetchHandler>();

function handlerOf(environment: Environment): FetchHandler {
  let handler = handlers.get(environment);
  if (!handler) {
    handler = createRegistryService({
      store: new D1Store(environment.DB),
      now,
      onFailure,
      ...readVariables(environment, now),
    });
    handlers.set(environment, handler);
  }
  return handler;
}

/** The registry as a Cloudflare Worker over D1. */
export default {
  async fetch(request: Request, environment: Environment): Promise<Response> {
    try {
      return await handlerOf(environment)(request);
    } catch (error) {
      onFailure(error);
      return new Problem("internal", "the registry is not set up; its log says why").toResponse();
    }
  },

  /** Closes the rows of leases that ran out. */
  async scheduled(_event: unknown, environment: Environment): Promise<void> {
    await new D1Store(environment.DB).sweep(now());
  },
};
