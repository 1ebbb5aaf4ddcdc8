import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Stream } from "effect"
import type { Decision, Stall } from "../../src/domain/Decision.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, digest, newFence, target } from "../store/rows.ts"
import { call, ended, served, tag } from "./v1.ts"
import { api, desired, everyRow, list, runs } from "./world.ts"

const planned = RepositoryName.make("planned")
type Seed = Effect.Effect<unknown, unknown, StateStore | Database | RegistrySimulator>

const push = (...names: ReadonlyArray<string>) =>
  Effect.flatMap(RegistrySimulator, (registry) =>
    Effect.forEach(names, (name) => registry.push("apps/api", name))
  )
const set = (change: { pinnedTag?: string; autoDeploy?: boolean }) =>
  Effect.flatMap(StateStore, (store) => {
    const { pinnedTag, ...rest } = change
    const pin = pinnedTag === undefined ? {} : { pinnedTag: tag(pinnedTag) }
    return store.change({ repository: api, ...rest, ...pin, by: "bob", from: "" })
  })
const held = (resume: "manual" | "next_version" = "manual") =>
  Effect.flatMap(StateStore, (store) =>
    store.change({
      repository: api,
      hold: { by: "bob", why: "the fair", until: null, resume, left: null },
      by: "bob",
      from: ""
    })
  )
const decided = (decision: Decision) =>
  Effect.flatMap(StateStore, (store) => store.saveDecision(api, decision))
const stalled = (reason: Stall["reason"], would: string) =>
  decided({ _tag: "Stall", reason, words: "", would: { tag: tag(would), digest: null } })
const nomadIsSilent = decided({
  _tag: "Wait",
  reason: "nomad_unreachable",
  words: "ECONNREFUSED",
  would: null,
  verdict: null
})
const jobIsAbsent = decided({ _tag: "Stall", reason: "job_absent", words: "no job api", would: null })
/** v1.0.0, v1.1.0 and v1.2.0 were deployed one after the other, and the last one runs. */
const threeRan = Effect.gen(function* () {
  const fence = yield* newFence
  const digests = yield* push("v1.0.0", "v1.1.0", "v1.2.0")
  for (const [at, digest] of digests.entries()) yield* ended(fence, { tag: tag(`v1.${at}.0`), digest })
  yield* runs("v1.2.0")
})

describe.skipIf(noPostgres)("what a person orders under /v1", () => {
  it.live.each<
    readonly [
      what: string,
      seed: Seed,
      line: string,
      body: unknown,
      message: string,
      after: Record<string, unknown>
    ]
  >([
    [
      "a redeploy of what runs",
      Effect.andThen(push("v1.0.0"), runs("v1.0.0")),
      "POST api/redeploy",
      undefined,
      "api is redeployed: v1.0.0 is deployed now",
      { requestKind: "redeploy", requestTag: "v1.0.0" }
    ],
    [
      "a redeploy of the pin, whatever runs",
      Effect.all([push("v1.0.0", "v1.1.0"), runs("v1.1.0"), set({ pinnedTag: "v1.0.0" })]),
      "POST api/redeploy",
      {},
      "api is redeployed: v1.0.0 is deployed now",
      { requestKind: "redeploy", requestTag: "v1.0.0", pinnedTag: "v1.0.0" }
    ],
    [
      "a redeploy of a job that drifted: what is elected, at once, and not first what somebody else set",
      Effect.all([
        push("v1.0.0", "v1.1.0"),
        runs("v1.0.0"),
        list(["v1.0.0", "v1.1.0"]),
        stalled("drift", "v1.1.0")
      ]),
      "POST api/redeploy",
      undefined,
      "api is redeployed: v1.1.0 is deployed now, in the place of v1.0.0, which somebody else set",
      { requestKind: "redeploy", requestTag: "v1.1.0" }
    ],
    [
      "a redeploy of a tag by name, of a job that drifted",
      Effect.all([
        push("v1.0.0", "v1.1.0"),
        runs("v1.0.0"),
        list(["v1.0.0", "v1.1.0"]),
        stalled("contested", "v1.1.0")
      ]),
      "POST api/redeploy",
      { tag: "v1.0.0" },
      "api is redeployed: v1.0.0 is deployed now; v1.1.0 is elected and comes after it",
      { requestTag: "v1.0.0" }
    ],
    [
      "a redeploy of a job that is below what runs: that, as nothing comes after it",
      Effect.all([push("v1.0.0", "v1.1.0"), runs("v1.1.0"), stalled("below_what_runs", "v1.0.0")]),
      "POST api/redeploy",
      undefined,
      "api is redeployed: v1.1.0 is deployed now",
      { requestTag: "v1.1.0" }
    ],
    [
      "a redeploy with auto_deploy off, under a hold",
      Effect.all([push("v1.0.0"), runs("v1.0.0"), set({ autoDeploy: false }), held()]),
      "POST api/redeploy",
      {},
      "api is redeployed: v1.0.0 is deployed now, although auto_deploy is off; the hold of bob stays, for automatic moves",
      { requestKind: "redeploy", autoDeploy: false }
    ],
    [
      "a redeploy of another tag than the pin",
      Effect.all([push("v1.0.0", "v1.1.0"), runs("v1.0.0"), set({ pinnedTag: "v1.0.0" })]),
      "POST api/redeploy",
      { tag: "v1.1.0" },
      "api is redeployed: v1.1.0 is deployed now; v1.0.0 is pinned and comes back after it",
      { requestTag: "v1.1.0", pinnedTag: "v1.0.0" }
    ],
    [
      "a redeploy of a lower tag than the elected one",
      Effect.all([push("v1.0.0", "v1.1.0"), runs("v1.1.0"), list(["v1.0.0", "v1.1.0"])]),
      "POST api/redeploy",
      { tag: "v1.0.0" },
      "api is redeployed: v1.0.0 is deployed now; v1.1.0 is elected and comes after it",
      { requestTag: "v1.0.0" }
    ],
    [
      "a redeploy of another tag than the pin, which does not come back by itself",
      Effect.all([push("v1.0.0", "v1.1.0"), runs("v1.0.0"), set({ pinnedTag: "v1.0.0", autoDeploy: false })]),
      "POST api/redeploy",
      { tag: "v1.1.0" },
      "api is redeployed: v1.1.0 is deployed now, although auto_deploy is off",
      { requestTag: "v1.1.0" }
    ],
    [
      "a hold until somebody ends it",
      runs("v1.0.0"),
      "POST api/hold",
      { why: "the fair" },
      "api is held: nothing is deployed by itself until somebody ends the hold; orders pass it",
      {
        hold: {
          by: "anonymous",
          why: "the fair",
          until: null,
          resume: "manual",
          left: { tag: "v1.0.0", digest: null }
        },
        requestKind: null
      }
    ],
    [
      "a hold with two ends",
      runs("v1.0.0"),
      "POST api/hold",
      { why: "the fair", until: "2999-01-01T00:00:00Z", resume: "next_version" },
      "api is held: nothing is deployed by itself until 2999-01-01T00:00:00.000Z or until a version above v1.0.0 is elected; orders pass it",
      {
        hold: {
          by: "anonymous",
          why: "the fair",
          until: new Date("2999-01-01"),
          resume: "next_version",
          left: { tag: "v1.0.0", digest: null }
        }
      }
    ],
    [
      "the end of a hold",
      held(),
      "DELETE api/hold",
      undefined,
      "api is no longer held by bob",
      { hold: null }
    ],
    [
      "the end of a hold with auto_deploy off",
      Effect.andThen(set({ autoDeploy: false }), held()),
      "DELETE api/hold",
      undefined,
      "api is no longer held by bob, and auto_deploy is off",
      { hold: null }
    ],
    ["the end of no hold", Effect.void, "DELETE api/hold", undefined, "api was not held", { generation: 1 }],
    [
      "a rollback to what succeeded before what runs",
      threeRan,
      "POST api/rollback",
      undefined,
      "api is rolled back from v1.2.0 to v1.1.0: it is deployed now; nothing is deployed by itself until a version above v1.2.0 is elected",
      {
        requestKind: "rollback",
        requestTag: "v1.1.0",
        hold: {
          by: "anonymous",
          why: "rolled back from v1.2.0 to v1.1.0",
          until: null,
          resume: "next_version",
          left: { tag: "v1.2.0", digest: null }
        }
      }
    ],
    [
      "a rollback while Nomad does not answer",
      Effect.andThen(threeRan, nomadIsSilent),
      "POST api/rollback",
      undefined,
      "api is rolled back from v1.2.0 to v1.1.0: it is deployed once Nomad answers (ECONNREFUSED); nothing is deployed by itself until a version above v1.2.0 is elected",
      { requestKind: "rollback", requestTag: "v1.1.0" }
    ],
    [
      "a pin where there is no job",
      Effect.andThen(push("v1.0.0"), jobIsAbsent),
      "PATCH api",
      { pinned_tag: "v1.0.0" },
      "api is pinned to v1.0.0: it is deployed once the job can take it (no job api)",
      { requestKind: "pin", pinnedTag: "v1.0.0" }
    ],
    [
      "a redeploy while the registry does not answer",
      Effect.all([
        list(["v1.0.0"]),
        runs("v1.0.0"),
        Effect.flatMap(RegistrySimulator, (registry) => registry.fault({ drop: true }))
      ]),
      "POST api/redeploy",
      undefined,
      "api is redeployed: v1.0.0 is deployed once the registry answers",
      { requestKind: "redeploy", requestTag: "v1.0.0" }
    ],
    [
      "a reset while Nomad does not answer",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), nomadIsSilent),
      "POST api/reset",
      undefined,
      "api follows versions, with auto_deploy on: v1.1.0 is deployed once Nomad answers (ECONNREFUSED)",
      { requestKind: "reset" }
    ],
    [
      "a rollback to a tag, held for good",
      threeRan,
      "POST api/rollback",
      { tag: "v1.0.0", why: "it leaks", resume: "manual" },
      "api is rolled back from v1.2.0 to v1.0.0: it is deployed now; nothing is deployed by itself until somebody ends the hold",
      {
        requestKind: "rollback",
        requestTag: "v1.0.0",
        hold: {
          by: "anonymous",
          why: "it leaks",
          until: null,
          resume: "manual",
          left: { tag: "v1.2.0", digest: null }
        }
      }
    ],
    [
      "a rollback to a tag that only the registry knows",
      Effect.andThen(push("v0.9.0"), runs("v1.0.0")),
      "POST api/rollback",
      { tag: "v0.9.0" },
      "api is rolled back from v1.0.0 to v0.9.0: it is deployed now; nothing is deployed by itself until a version above v1.0.0 is elected",
      { requestKind: "rollback", requestTag: "v0.9.0" }
    ],
    [
      "a rollback under a hold that only a person ends",
      Effect.andThen(threeRan, held()),
      "POST api/rollback",
      {},
      "api is rolled back from v1.2.0 to v1.1.0: it is deployed now; the hold of bob stays",
      {
        requestKind: "rollback",
        hold: { by: "bob", why: "the fair", until: null, resume: "manual", left: null }
      }
    ],
    [
      "a rollback under a hold that a version ends",
      Effect.andThen(threeRan, held("next_version")),
      "POST api/rollback",
      {},
      "api is rolled back from v1.2.0 to v1.1.0: it is deployed now; nothing is deployed by itself until a version above v1.2.0 is elected",
      { requestKind: "rollback" }
    ],
    [
      "a pin",
      push("v1.0.0"),
      "PATCH api",
      { pinned_tag: "v1.0.0", auto_deploy: false },
      "api is pinned to v1.0.0: it is deployed now, although auto_deploy is off; auto_deploy is off",
      { pinnedTag: "v1.0.0", autoDeploy: false, requestKind: "pin" }
    ],
    [
      "a reset",
      Effect.all([list(["v1.0.0", "v1.1.0"]), runs("v1.0.0"), set({ autoDeploy: false })]),
      "POST api/reset",
      undefined,
      "api follows versions, with auto_deploy on: v1.1.0 is deployed now",
      { pinnedTag: "", autoDeploy: true, requestKind: "reset" }
    ]
  ])(
    "S14: %s is committed before it is answered, with its new ETag",
    ([, seed, line, body, message, after]) =>
      served((origin) =>
        Effect.gen(function* () {
          yield* seed
          const answer = yield* call(origin, line, body)
          const row = yield* desired()
          assert.strictEqual(answer.status, 200, answer.text)
          assert.deepInclude(row, after)
          assert.deepNestedInclude(answer.body, { message, "desired.generation": row.generation })
          assert.strictEqual(answer.headers.get("etag"), `"${row.generation}"`)
          if (row.requestKind !== null) assert.strictEqual(row.requestedGeneration, row.generation)
        })
      )
  )

  it.live("a redeploy lifts the quarantine of its tag's digest, and of no other", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { pool } = yield* Database
        const [digest = "", other = ""] = yield* push("v1.0.0", "v1.1.0")
        for (const kept of [digest, other]) {
          yield* pool.unsafe(
            "insert into quarantine (repository, digest, why) values ('api', $1, 'it failed')",
            [kept]
          )
        }
        yield* runs("v1.0.0")
        yield* call(origin, "POST api/redeploy")
        assert.deepStrictEqual(yield* pool.unsafe("select digest from quarantine"), [{ digest: other }])
        assert.strictEqual((yield* desired()).requestDigest, digest)
      })
    )
  )

  it.live("a redeploy and a rollback of what is under way are told so", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* threeRan
        const registry = yield* RegistrySimulator
        const fence = yield* newFence
        const digest = yield* registry.push("apps/api", "v1.1.0")
        yield* acceptedAttempt(fence, { to: { tag: tag("v1.1.0"), digest } })
        const redeployed = yield* call(origin, "POST api/redeploy", { tag: "v1.1.0" })
        assert.match(
          redeployed.text,
          /api is redeployed: v1.1.0 is being deployed already, and not once more/
        )
        const back = yield* call(origin, "POST api/rollback", { tag: "v1.1.0" })
        assert.match(back.text, /to v1.1.0: it is being deployed already, and not once more; nothing is/)
      })
    )
  )

  it.live("a second rollback goes further back, and not forth again", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* threeRan
        const store = yield* StateStore
        const fence = yield* newFence
        const [, second] = yield* store.attempts(api, 2)
        if (second === undefined) return yield* Effect.die("no attempts")
        yield* ended(fence, { tag: second.toTag, digest: second.toDigest }, "succeeded", {
          reason: "requested",
          request: { kind: "rollback", by: "ann" }
        })
        yield* runs("v1.1.0")
        const answer = yield* call(origin, "POST api/rollback")
        assert.match(answer.text, /api is rolled back from v1.1.0 to v1.0.0/)
      })
    )
  )

  it.live("a rollback goes by the job's marker, past what did not succeed or is in quarantine", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { pool } = yield* Database
        const store = yield* StateStore
        const fence = yield* newFence
        yield* ended(fence, target("v1.0.0"))
        yield* ended(fence, target("v1.1.0"))
        yield* ended(fence, target("v1.2.0"), "superseded")
        const marker = yield* ended(fence, target("v1.3.0"))
        // Later attempts, one of them at the same target; the job went back to the version before both.
        yield* ended(fence, target("v1.4.0"))
        yield* ended(fence, target("v1.3.0"))
        yield* pool.unsafe(
          "insert into quarantine (repository, digest, why) values ('api', $1, 'it leaks')",
          [digest("v1.1.0")]
        )
        yield* runs("v1.3.0")
        const [status] = yield* store.statuses([api])
        if (status?.observed?._tag !== "Runs") return yield* Effect.die("not observed")
        const [task] = status.observed.tasks
        const carried = { ...task, digest: digest("v1.3.0"), marker }
        yield* store.saveObservation(api, { ...status.observed, tasks: [carried] })
        const answer = yield* call(origin, "POST api/rollback")
        assert.match(answer.text, /from v1.3.0 to v1.0.0/)
        const row = yield* desired()
        assert.strictEqual(row.requestDigest, digest("v1.0.0"))
        assert.deepStrictEqual(row.hold?.left, target("v1.3.0"))
      })
    )
  )

  it.live("an attempt that is named is what a rollback goes back to", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* threeRan
        const store = yield* StateStore
        const first = (yield* store.attempts(api, 3))[2]
        const answer = yield* call(origin, "POST api/rollback", { attempt: first?.id })
        assert.match(answer.text, /from v1.2.0 to v1.0.0/)
        assert.deepNestedInclude(yield* desired(), { requestTag: "v1.0.0", requestDigest: first?.toDigest })
      })
    )
  )

  it.live("a check is told to the leader, needs no If-Match and writes nothing", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const listening = yield* Deferred.make<void>()
        const told = yield* store.changes.pipe(
          Stream.tap((name) => (name === null ? Deferred.succeed(listening, undefined) : Effect.void)),
          Stream.filter((name) => name !== null),
          Stream.runHead,
          Effect.forkChild
        )
        yield* Deferred.await(listening)
        const before = yield* everyRow
        const answer = yield* call(origin, "POST api/check", undefined, {})
        assert.deepStrictEqual([answer.status, answer.body], [202, { message: "api is checked now" }])
        assert.deepStrictEqual(yield* Fiber.join(told), Option.some({ check: api }))
        assert.strictEqual(yield* everyRow, before)
      })
    )
  )

  it.live("an unknown outcome is given up by its attempt's id", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const fence = yield* newFence
        const { id } = yield* acceptedAttempt(fence)
        const { pool } = yield* Database
        yield* pool.unsafe("update attempt set state = 'unknown' where id = $1", [id])
        const answer = yield* call(origin, `POST api/attempts/${id}/abandon`)
        const row = yield* desired()
        assert.deepStrictEqual([answer.status, answer.headers.get("etag")], [200, `"${row.generation}"`])
        assert.match(answer.text, new RegExp(`attempt ${id} at v2 is given up`))
        assert.strictEqual(row.abandoned, id)
        assert.strictEqual((yield* store.attempt(id))?.state, "unknown")
      })
    )
  )

  const marked = Effect.gen(function* () {
    const store = yield* StateStore
    yield* runs("v1.0.0")
    const [status] = yield* store.statuses([api])
    if (status?.observed?._tag !== "Runs") return yield* Effect.die("not observed")
    const [task] = status.observed.tasks
    const marker = yield* acceptedAttempt(yield* newFence, {
      repository: planned,
      job: { region: "", namespace: "default", job: "planned" }
    })
    const { pool } = yield* Database
    yield* store.saveObservation(api, { ...status.observed, tasks: [{ ...task, marker: marker.id }] })
    yield* pool.unsafe("delete from attempt where id = $1", [marker.id])
    return marker.id
  })

  it.live.each([
    ["its own", "POST api/adopt"],
    ["all at once", "POST /v1/adopt"]
  ] as const)("S20: markers that this database does not know are adopted, %s", ([, line]) =>
    served((origin) =>
      Effect.gen(function* () {
        const marker = yield* marked
        const { pool } = yield* Database
        const answer = yield* call(origin, line)
        assert.strictEqual(answer.status, 200, answer.text)
        assert.match(answer.text, /is taken as it is/)
        if (line === "POST /v1/adopt") assert.deepNestedInclude(answer.body, { adopted: { api: [marker] } })
        assert.deepStrictEqual(yield* pool.unsafe("select marker, who from adopted_marker"), [
          { marker, who: "anonymous" }
        ])
        const again = yield* call(origin, "POST /v1/adopt")
        assert.match(again.text, /no job carried a marker that is unknown/)
      })
    )
  )

  it.live("in mode plan nothing is requested, nothing held by a rollback, and it says so", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/planned", "v1.0.0")
        yield* registry.push("apps/planned", "v0.9.0")
        yield* runs("v1.0.0", planned)
        const before = yield* everyRow
        const redeployed = yield* call(origin, "POST planned/redeploy")
        const back = yield* call(origin, "POST planned/rollback", { tag: "v0.9.0" })
        assert.deepNestedInclude(redeployed.body, {
          message:
            'planned: v1.0.0 is not redeployed: in mode "plan" nothing is deployed; nothing was changed'
        })
        assert.deepNestedInclude(back.body, {
          message:
            'planned would be rolled back from v1.0.0 to v0.9.0: in mode "plan" nothing is deployed; nothing was changed'
        })
        assert.strictEqual(yield* everyRow, before)
        yield* call(origin, "PATCH planned", { pinned_tag: "v1.0.0" })
        yield* call(origin, "POST planned/hold", { why: "the fair" })
        assert.deepNestedInclude(yield* desired(planned), { pinnedTag: "v1.0.0", requestedGeneration: null })
      })
    )
  )

  it.live("X20: who ordered what is in the audit, with what stood before", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* threeRan
        yield* call(origin, "POST api/rollback")
        const { body } = yield* call(origin, "GET /v1/audit?repository=api&limit=1")
        assert.deepNestedInclude(body, {
          "entries[0].who": "anonymous",
          "entries[0].address": "127.0.0.1",
          "entries[0].action": "rollback",
          "entries[0].after.requestTag": "v1.1.0",
          "entries[0].after.hold.resume": "next_version"
        })
      })
    )
  )
})
