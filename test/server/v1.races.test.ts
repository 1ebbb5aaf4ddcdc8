import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Database } from "../../src/store/Database.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { noPostgres } from "../real/postgres.ts"
import { serve } from "./rig.ts"
import { call, served } from "./v1.ts"
import { desired, runs } from "./world.ts"

describe.skipIf(noPostgres)("S14: two people at once", () => {
  it.live.each<readonly [what: string, lines: ReadonlyArray<readonly [line: string, body: unknown]>]>([
    [
      "two switches",
      [
        ["PATCH api", { auto_deploy: false }],
        ["PATCH api", { pinned_tag: "v1.0.0" }]
      ]
    ],
    [
      "a hold and a redeploy",
      [
        ["POST api/hold", { why: "the fair" }],
        ["POST api/redeploy", {}]
      ]
    ],
    [
      "a rollback and a reset",
      [
        ["POST api/rollback", { tag: "v0.9.0" }],
        ["POST api/reset", undefined]
      ]
    ],
    [
      "a double click",
      [
        ["POST api/redeploy", {}],
        ["POST api/redeploy", {}]
      ]
    ]
  ])("of %s on two instances one is committed, and the other told who was faster", ([, lines]) =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/api", "v1.0.0")
        yield* registry.push("apps/api", "v0.9.0")
        yield* runs("v1.0.0")
        const other = yield* serve()
        const database = yield* Database
        const read = yield* call(origin, "GET api")
        const etag = read.headers.get("etag") ?? ""
        assert.strictEqual(etag, '"1"')
        // Both have passed every check of ours when the row is let go: what decides is the one statement that writes.
        const session = yield* database.session({})
        yield* session.query("begin", [], false)
        yield* session.query("select from repository where name = 'api' for update", [], false)
        const racing = yield* Effect.forkChild(
          Effect.forEach(
            lines,
            ([line, body], at) => call(at === 0 ? origin : other, line, body, { "if-match": etag }),
            { concurrency: "unbounded" }
          )
        )
        // Within a transaction the activity is that of the first look, unless that is forgotten.
        const waiting = Effect.andThen(
          session.query("select pg_stat_clear_snapshot()", [], false),
          session.query(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            [],
            false
          )
        )
        yield* Effect.repeat(waiting, { until: ({ rows }) => rows.length === lines.length })
        yield* session.query("commit", [], false)
        const [first, second] = yield* Fiber.join(racing)
        assert.sameMembers([first?.status, second?.status], [200, 412])
        const lost = first?.status === 412 ? first : second
        assert.match(
          lost?.text ?? "",
          /it was changed meanwhile: api is at generation \\"2\\", changed by anonymous at 20.*; read it again; nothing was changed/
        )
        const row = yield* desired()
        assert.strictEqual(row.generation, 2)
        const audited = yield* database.pool.unsafe("select who from audit where repository = 'api'")
        assert.strictEqual(audited.length, 1)
      })
    )
  )
})
