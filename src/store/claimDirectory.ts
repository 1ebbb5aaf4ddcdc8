import { Effect, Schedule, type Scope } from "effect"
import { createHash } from "node:crypto"
import { createServer, type Server } from "node:net"
import { EmbeddedUnavailable } from "./StartError.ts"

/** A predecessor that is being stopped needs this long at most to let go. */
const patience = { schedule: Schedule.spaced("100 millis"), times: 50 }

/**
 * Makes the directory ours until the scope ends: an abstract unix socket, which the kernel drops with the process
 * however it ends. Holds within one network namespace of Linux; beyond it, Postgres's own `postmaster.pid` does.
 */
export const claimDirectory = (directory: string): Effect.Effect<void, EmbeddedUnavailable, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server, EmbeddedUnavailable>((resume) => {
      const server = createServer().unref()
      server.once("error", () =>
        resume(Effect.fail(new EmbeddedUnavailable({ words: `another instance uses ${directory}` })))
      )
      // The path itself may be longer than the 107 bytes that such a name has.
      const name = createHash("sha256").update(directory).digest("hex")
      server.listen({ path: `\0registrywatcher:${name}` }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.retry(patience), Effect.asVoid)
