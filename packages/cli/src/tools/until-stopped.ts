import { MoqError } from "@moq-bridge/runtime";

/** What a tool runs until. */
interface Session {
  readonly closed: Promise<{ readonly error?: MoqError }>;
  close(): void;
}

/**
 * Runs `work` on a session until it ends, the session ends, or the process is
 * asked to end; then closes the session.
 *
 * @throws the session's error, also when the relay ended it without one: the work was not done
 */
export async function untilStopped(
  session: Session,
  stopRequested: Promise<unknown>,
  work: Promise<unknown>,
): Promise<void> {
  const lost = session.closed.then(({ error }) => {
    throw (
      error ?? new MoqError("session_closed", "the relay ended the session", { scope: "session" })
    );
  });
  try {
    await Promise.race([work, stopRequested, lost]);
  } finally {
    lost.catch(() => undefined);
    session.close();
  }
}
