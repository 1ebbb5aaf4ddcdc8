import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Redacted, Runtime } from "effect"
import { TestConsole } from "effect/testing"
import { run } from "../../src/cli/run.ts"
import type { Config } from "../../src/config/Config.ts"
import type { ConfigError } from "../../src/config/ConfigError.ts"
import type { Environment } from "../../src/config/variables.ts"
import { StoreError } from "../../src/store/StoreError.ts"
import { type Principal, Tokens } from "../../src/store/Tokens.ts"
import { filesOf } from "../config/load.ts"

/** What ends a service or its database: words, and what they are worth. */
export interface Stopped {
  readonly message: string
  readonly exitCode: number
}

type Stored = Principal & { readonly createdAt: Date; readonly expires: Date | null; revoked: Date | null }

/** Tokens in memory, by the contract of `Tokens`; each is named after whom it speaks for. */
export const memoryTokens = (stored: Array<Stored> = []) =>
  Layer.succeed(
    Tokens,
    Tokens.of({
      create: (principal, expires) =>
        Effect.sync(() => {
          if (stored.some(({ name, revoked }) => name === principal.name && revoked === null)) return null
          stored.push({ ...principal, createdAt: new Date(0), expires, revoked: null })
          return Redacted.make(`token-of-${principal.name}`)
        }),
      list: Effect.sync(() => stored),
      revoke: (name) =>
        Effect.sync(() => {
          const found = stored.find((token) => token.name === name && token.revoked === null)
          if (found !== undefined) found.revoked = new Date(0)
          return found !== undefined
        }),
      exist: Effect.sync(() => stored.some(({ revoked }) => revoked === null)),
      principal: () => Effect.succeed(null)
    })
  )

/** What a command line prints, and its exit code, with no file but those that are given. */
export const commandLine = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  {
    files = {},
    environment = {},
    serve = () => Effect.void,
    tokens = memoryTokens()
  }: {
    readonly files?: Readonly<Record<string, string>>
    readonly environment?: Environment
    readonly serve?: (config: Config) => Effect.Effect<void, ConfigError | Stopped>
    readonly tokens?: Layer.Layer<Tokens, Stopped>
  }
) {
  const before = { out: (yield* TestConsole.logLines).length, err: (yield* TestConsole.errorLines).length }
  const parts = {
    version: "1.2.3",
    environment,
    serve,
    tokens: () => tokens,
    planning: () => Layer.effectContext(Effect.die(new Error("nothing to plan with"))),
    database: () => Effect.die(new Error("no database")),
    others: () => Layer.effectContext(Effect.die(new Error("nothing to ask"))),
    exitCode: (error: Stopped | StoreError) => (error instanceof StoreError ? 1 : error.exitCode)
  }
  const exitCode = yield* run(parts)(args).pipe(
    Effect.match({ onSuccess: () => 0, onFailure: Runtime.getErrorExitCode }),
    Effect.provide([NodeServices.layer, filesOf(files)])
  )
  return {
    exitCode,
    out: (yield* TestConsole.logLines).slice(before.out).join("\n"),
    err: (yield* TestConsole.errorLines).slice(before.err).join("\n")
  }
})
