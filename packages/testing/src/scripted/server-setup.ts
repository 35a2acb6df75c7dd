/** A SERVER_SETUP that picks version 0x77, which nobody offered: the same bytes in draft-14 and moq-lite. */
export const SERVER_SETUP_UNKNOWN_VERSION = Uint8Array.of(0x21, 0x00, 0x03, 0x40, 0x77, 0x00);
