import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { StoreError, StoreUnavailable } from "../../src/store/StoreError.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { sound } from "../config/load.ts"
import { commandLine, memoryTokens } from "./commandLine.ts"

const files = { "config/staging.toml": sound }
const token = (args: string, tokens: Layer.Layer<Tokens>) =>
  commandLine(["token", ...args.split(" ")], { files, tokens })

describe("token create", () => {
  it.effect("prints the token alone on stdout, and what it may on stderr", () =>
    token("create ci --role operate", memoryTokens()).pipe(
      Effect.map((printed) =>
        assert.deepStrictEqual(printed, {
          exitCode: 0,
          out: "token-of-ci",
          err: "ci: role operate, every repository, never expires. It is shown this once."
        })
      )
    )
  )

  it.effect.each([
    ["90d", "1970-04-01T00:00:00.000Z"],
    ["12h", "1970-01-01T12:00:00.000Z"],
    ["30m", "1970-01-01T00:30:00.000Z"]
  ] as const)("makes one that expires after %s", ([lifetime, until]) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      const { err } = yield* token(`create ci --role read --expires ${lifetime}`, memoryTokens())
      assert.include(err, `expires ${until}`)
    })
  )

  it.effect.each(["90", "0d", "1w", "-1d", "d"])("refuses the lifetime %s", (lifetime) =>
    token(`create ci --role read --expires=${lifetime}`, memoryTokens()).pipe(
      Effect.map(({ exitCode, err }) => {
        assert.strictEqual(exitCode, 1)
        assert.include(err, "90d")
      })
    )
  )

  it.effect("limits it to repositories that are watched", () =>
    Effect.gen(function* () {
      const stored: Parameters<typeof memoryTokens>[0] = []
      yield* token("create ci --role read --repositories web,api", memoryTokens(stored))
      assert.deepStrictEqual(stored[0]?.repositories, ["web", "api"])
      const { exitCode, out, err } = yield* token(
        "create cd --role read --repositories webb",
        memoryTokens(stored)
      )
      assert.strictEqual(exitCode, 1)
      assert.strictEqual(out, "")
      assert.strictEqual(err, 'config/staging.toml watches no repository "webb"; did you mean web?')
      assert.strictEqual(stored.length, 1)
    })
  )

  it.effect("refuses a name that exists", () =>
    Effect.gen(function* () {
      const tokens = memoryTokens()
      yield* token("create ci --role read", tokens)
      const { exitCode, err } = yield* token("create ci --role admin", tokens)
      assert.strictEqual(exitCode, 1)
      assert.include(err, 'a token "ci" exists; revoke it first, or take another name')
    })
  )

  it.effect("says why there is no database, and ends with what that is worth", () =>
    Effect.gen(function* () {
      const tokens = Layer.effect(Tokens, Effect.fail({ message: "Postgres is version 13", exitCode: 78 }))
      const printed = yield* commandLine(["token", "list"], { files, tokens })
      assert.deepStrictEqual(printed, { exitCode: 78, out: "", err: "Postgres is version 13" })
    })
  )

  it.effect("says what the database says", () =>
    Effect.gen(function* () {
      const reason = new StoreUnavailable({ cause: new Error("connection refused") })
      const broken = Effect.fail(new StoreError({ call: "Tokens.create", reason }))
      const tokens = Layer.succeed(
        Tokens,
        Tokens.of({
          create: () => broken,
          list: broken,
          revoke: () => broken,
          exist: broken,
          principal: () => broken
        })
      )
      const { exitCode, err } = yield* token("create ci --role read", tokens)
      assert.deepStrictEqual(
        { exitCode, err },
        { exitCode: 1, err: "Tokens.create: StoreUnavailable: connection refused" }
      )
    })
  )
})

const stored = () =>
  memoryTokens([
    {
      name: "ci",
      role: "operate",
      repositories: ["api", "web"],
      createdAt: new Date("2026-01-02T03:04:05Z"),
      expires: new Date("2026-04-02T03:04:05Z"),
      revoked: null
    },
    {
      name: "somebody",
      role: "admin",
      repositories: null,
      createdAt: new Date("2026-01-03T00:00:00Z"),
      expires: null,
      revoked: null
    }
  ])

describe("token list and revoke", () => {
  it.effect("lists every token, and no token itself", () =>
    token("list", stored()).pipe(
      Effect.map(({ exitCode, out }) => {
        assert.strictEqual(exitCode, 0)
        assert.deepStrictEqual(out.split("\n"), [
          "NAME      ROLE     REPOSITORIES  CREATED            EXPIRES            REVOKED",
          "ci        operate  api,web       2026-01-02T03:04Z  2026-04-02T03:04Z  -",
          "somebody  admin    *             2026-01-03T00:00Z  -                  -"
        ])
      })
    )
  )

  it.effect("revokes a token once", () =>
    Effect.gen(function* () {
      const tokens = stored()
      assert.deepStrictEqual(yield* token("revoke ci", tokens), { exitCode: 0, out: "", err: "ci: revoked" })
      const { exitCode, err } = yield* token("revoke ci", tokens)
      assert.strictEqual(exitCode, 1)
      assert.include(err, 'there is no token "ci" that is not revoked')
    })
  )
})
