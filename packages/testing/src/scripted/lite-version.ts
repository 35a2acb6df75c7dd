import type { LiteVersion } from "@moq-bridge/moq-wire/lite";

/** The version scripted sessions speak: the newest one without a SETUP exchange. */
export const SCRIPTED_LITE_VERSION: LiteVersion = "lite-04";

/** Its application protocol. */
export const SCRIPTED_LITE_PROTOCOL = "moq-lite-04";
