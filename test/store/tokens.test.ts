import { assert, describe, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Database } from "../../src/store/Database.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"

const ann = { name: "ann", role: "operate" as const, repositories: ["api"] }
const bob = { name: "bob", role: "read" as const, repositories: null }

describe.skipIf(noPostgres)("tokens", () =>
  layer(layerFreshStore)((it) => {
    it.effect("X7: from none to revoked", () =>
      Effect.gen(function* () {
        const tokens = yield* Tokens
        const { pool } = yield* Database
        assert.isFalse(yield* tokens.exist)

        const token = yield* tokens.create(ann, null)
        if (token === null) return assert.fail("refused")
        const text = Redacted.value(token)
        assert.match(text, /^rw_[A-Za-z0-9_-]{43}$/)
        assert.isTrue(yield* tokens.exist)
        assert.deepEqual(yield* tokens.principal(token), ann)

        assert.isNull(yield* tokens.create(ann, null), "the name is taken")
        const expired = yield* tokens.create(bob, new Date("2020-01-01T00:00:00Z"))
        assert.isNull(yield* tokens.principal(expired ?? token))
        for (const wrong of ["", "rw_", text.slice(0, -1), `${text}A`, text.toUpperCase()]) {
          assert.isNull(yield* tokens.principal(Redacted.make(wrong)))
        }

        const stored = yield* pool<{ readonly row: string }>`select token::text as row from token`
        assert.isFalse(stored.some(({ row }) => row.includes(text.slice(3))))

        assert.deepEqual(
          (yield* tokens.list).map(({ name, role, repositories, revoked }) => ({
            name,
            role,
            repositories,
            revoked
          })),
          [
            { ...ann, revoked: null },
            { ...bob, revoked: null }
          ]
        )
        assert.isTrue(yield* tokens.revoke("ann"))
        assert.isFalse(yield* tokens.revoke("ann"))
        assert.isNull(yield* tokens.principal(token))
        assert.isFalse(yield* tokens.exist, "the other one is expired")
        assert.isNotNull((yield* tokens.list)[0]?.revoked)
        assert.isNotNull(yield* tokens.create(ann, null), "a revoked name can be given again")

        assert.deepEqual(yield* pool`select action, after ->> 'name' as name from audit order by id`, [
          { action: "token created", name: "ann" },
          { action: "token created", name: "bob" },
          { action: "token revoked", name: "ann" },
          { action: "token created", name: "ann" }
        ])
      })
    )
  })
)
