import { bigVarint, type Field, sessionUri, varint, violation } from "./field.js";
import { defineMessage, type MessageOf } from "./message.js";
import { setupParameters } from "./parameters.js";

const versions: Field<readonly number[]> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const count = cursor.varintBig(`${name} count`);
    // Each takes a byte at least, so a larger count cannot fit.
    if (count > cursor.remaining) throw violation(name, offset, `${count} versions do not fit`);
    return Array.from({ length: Number(count) }, () => cursor.varint(name));
  },
  write(writer, value, name) {
    writer.varint(value.length, `${name} count`);
    for (const version of value) writer.varint(version, name);
  },
};

/** Section 9.3. */
export const clientSetup = defineMessage("client_setup", 0x20, {
  supportedVersions: versions,
  parameters: setupParameters,
});

/** Section 9.3. */
export const serverSetup = defineMessage("server_setup", 0x21, {
  selectedVersion: varint,
  parameters: setupParameters,
});

/** Section 9.4. */
export const goaway = defineMessage("goaway", 0x10, { newSessionUri: sessionUri });

/** Section 9.5. The ID is exclusive: the first one not allowed. */
export const maxRequestId = defineMessage("max_request_id", 0x15, { requestId: bigVarint });

/** Section 9.6. */
export const requestsBlocked = defineMessage("requests_blocked", 0x1a, {
  maximumRequestId: bigVarint,
});

/** Opens a session, from the client: the versions it speaks, the most wanted first. */
export type ClientSetup = MessageOf<typeof clientSetup>;
/** Opens a session, from the server: the version chosen. */
export type ServerSetup = MessageOf<typeof serverSetup>;
/** The peer is about to leave; a client may reconnect at the URI, or the same one when empty. */
export type Goaway = MessageOf<typeof goaway>;
/** Raises how many requests the peer may send. */
export type MaxRequestId = MessageOf<typeof maxRequestId>;
/** The sender has requests it may not send. */
export type RequestsBlocked = MessageOf<typeof requestsBlocked>;
