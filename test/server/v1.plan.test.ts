import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { stable } from "../deployer/simulated.ts"
import { noPostgres } from "../real/postgres.ts"
import { call, served } from "./v1.ts"
import { everyRow, list } from "./world.ts"

/** `api` runs v1.0.0; the registry has these tags. */
const begin = Effect.fnUntraced(function* (...tags: ReadonlyArray<string>) {
  const registry = yield* RegistrySimulator
  const nomad = yield* NomadSimulator
  for (const tag of tags) yield* registry.push("apps/api", tag)
  yield* stable("api", { image: "registry.example.com/apps/api:v1.0.0" })
  return { nomad, before: [yield* everyRow, yield* nomad.job("default", "api")] }
})

describe.skipIf(noPostgres)("GET /v1/repositories/R/plan", () => {
  it.live("S10: what would be deployed, with Nomad's own diff; nothing is written", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { nomad, before } = yield* begin("v1.0.0", "v1.1.0")
        const { status, body } = yield* call(origin, "GET api/plan")
        assert.strictEqual(status, 200)
        assert.deepNestedInclude(body, {
          "decision.decision": "deploy",
          "decision.reason": "new_version",
          explained: false,
          tag: "v1.1.0",
          refused: null,
          fault: null,
          "plan.groups": [{ name: "api", updates: { "create/destroy update": 1 } }]
        })
        assert.deepStrictEqual([yield* everyRow, yield* nomad.job("default", "api")], before)
      })
    )
  )

  it.live("L7: a registry that did not answer is not asked again at once, and the answer says when", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* begin("v1.0.0", "v1.1.0")
        yield* list(["v1.0.0"])
        yield* registry.fault({ image: "apps/api", status: 503 })
        yield* registry.clearRequests
        for (const words of [/503/, /503.*; it is asked again in 1 s/]) {
          const { status, body, headers } = yield* call(origin, "GET api/plan")
          assert.strictEqual(status, 200)
          assert.strictEqual(headers.get("retry-after"), "1")
          assert.deepNestedInclude(body, { "decision.decision": "in_sync", tag: null, plan: null })
          const { registry_fault: fault, viewed_at: at } = body as Record<string, string>
          assert.match(fault ?? "", words)
          assert.match(at ?? "", /^\d{4}-/)
        }
        assert.lengthOf(yield* registry.requests, 1)
      })
    )
  )

  it.live("S17: a brake that is on stops it here as well, and what it would be is planned all the same", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { pool: sql } = yield* Database
        yield* sql`insert into brake (moves_stopped) values ('[]')`
        yield* begin("v1.0.0", "v1.1.0")
        yield* list(["v1.0.0", "v1.1.0"])
        const { body, headers } = yield* call(origin, "GET api/plan")
        assert.isNull(headers.get("retry-after"))
        assert.deepNestedInclude(body, {
          "decision.decision": "wait",
          "decision.reason": "brake",
          explained: false,
          registry_fault: null,
          viewed_at: null,
          tag: "v1.1.0",
          "plan.groups": [{ name: "api", updates: { "create/destroy update": 1 } }]
        })
      })
    )
  )

  it.live("nothing is planned where nothing would be deployed", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* begin("v1.0.0")
        const { body } = yield* call(origin, "GET api/plan")
        assert.deepNestedInclude(body, { "decision.decision": "in_sync", tag: null, plan: null, fault: null })
      })
    )
  )

  it.live.each<[name: string, status: number, text: string, answer: Record<string, RegExp | null>]>([
    [
      "a right that is missing is named",
      403,
      "Permission denied",
      { fault: /the token needs plan-job .* in namespace "default"/, refused: null }
    ],
    [
      "what Nomad refuses is told in its words",
      500,
      "1 error occurred:\n\t* Missing job task groups\n\n",
      { refused: /Missing job task groups/, fault: null }
    ]
  ])("%s", ([, status, text, expected]) =>
    served((origin) =>
      Effect.gen(function* () {
        const { nomad } = yield* begin("v1.0.0", "v1.1.0")
        yield* nomad.inject({ _tag: "Answer", method: "POST", path: "/plan", status, body: text })
        const answer = yield* call(origin, "GET api/plan")
        assert.strictEqual(answer.status, 200)
        const body = answer.body as Record<string, string | null>
        assert.isNull(body["plan"])
        assert.strictEqual(body["tag"], "v1.1.0")
        for (const [key, words] of Object.entries(expected)) {
          if (words === null) assert.isNull(body[key])
          else assert.match(body[key] ?? "", words)
        }
      })
    )
  )
})
