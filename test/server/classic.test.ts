import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Option, Stream } from "effect"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, newFence } from "../store/rows.ts"
import { post, request, serve } from "./rig.ts"
import { api, desired, everyRow, list, runs, world } from "./world.ts"

const planned = RepositoryName.make("planned")
const nested = RepositoryName.make("team/api")

/** A server on a world of its own. */
const served = <A, E, R>(test: (origin: string) => Effect.Effect<A, E, R>) =>
  serve().pipe(Effect.flatMap(test), Effect.provide(world), Effect.scoped)

const message = (text: string) => ({ message: text })
const includes = (actual: object, expected: object) => assert.deepInclude(actual, expected)

describe.skipIf(noPostgres)("GET", () => {
  it.live.each([["/ping"], ["/ping/"]])("%s answers pong", ([path]) =>
    served((origin) =>
      Effect.gen(function* () {
        const { status, body, headers } = yield* request(origin + path)
        assert.deepStrictEqual([status, body], [200, { message: "pong" }])
        assert.match(headers.get("content-type") ?? "", /^application\/json/)
      })
    )
  )

  it.live("/repos shows every repository, also before its first view", () =>
    served((origin) =>
      Effect.gen(function* () {
        const empty = { auto_deploy: true, pinned_tag: "", pinned_tag_value: "", tags: [] }
        const { status, body } = yield* request(`${origin}/repos`)
        assert.deepStrictEqual([status, body], [200, { api: empty, "team/api": empty, planned: empty }])
      })
    )
  )

  it.live("/repos has the tags that people choose from, ascending by the policy", () =>
    served((origin) =>
      Effect.gen(function* () {
        const hash = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
        const signature = `sha256-${"a".repeat(64)}.sig`
        yield* list(["v1.10.0", "v1.9.0", "v1.2.0", "latest", "v1.10.0-rc.1", hash, "0f1e2d3", signature])
        const { body } = yield* request(`${origin}/repos/`)
        assert.deepNestedInclude(body, {
          "api.pinned_tag_value": "v1.10.0",
          "api.tags": ["latest", "v1.2.0", "v1.9.0", "v1.10.0-rc.1", "v1.10.0"]
        })
      })
    )
  )

  it.live("/repos has the 1,000 highest of more", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* list(Array.from({ length: 1_200 }, (_, minor) => `v1.${minor}.0`))
        const { body } = yield* request(`${origin}/repos`)
        const { tags } = (body as Record<string, { tags: ReadonlyArray<string> }>)["api"] ?? { tags: [] }
        assert.deepStrictEqual([tags.length, tags[0], tags.at(-1)], [1_000, "v1.200.0", "v1.1199.0"])
        // A tag for another: as many as before.
        yield* list(["v1.0.0", "v1.1.0"])
        yield* request(`${origin}/repos`)
        yield* list(["v1.1.0", "v1.2.0"])
        const later = yield* request(`${origin}/repos`)
        assert.deepNestedInclude(later.body, { "api.tags": ["v1.1.0", "v1.2.0"] })
      })
    )
  )

  it.live.each<
    readonly [what: string, path: string, seed: Effect.Effect<unknown, unknown, StateStore>, tag: string]
  >([
    ["the elected tag", "/tags/api", list(["v1.0.0", "v1.1.0"]), "v1.1.0"],
    [
      "the elected tag, not what runs",
      "/tags/api/",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), runs("v1.0.0")),
      "v1.1.0"
    ],
    ["the tag of a nested name", "/tags/team/api", list(["v2.0.0"], null, nested), "v2.0.0"],
    ["the same, encoded", "/tags/team%2Fapi", list(["v2.0.0"], null, nested), "v2.0.0"],
    [
      "the elected tag of a suspect view",
      "/tags/api",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), list([], "empty")),
      "v1.1.0"
    ]
  ])("/tags/REPO answers %s", ([, path, seed, tag]) =>
    served((origin) =>
      Effect.gen(function* () {
        yield* seed
        const { status, body } = yield* request(origin + path)
        assert.deepStrictEqual([status, body], [200, { repo_tag: tag }])
      })
    )
  )

  it.live("/tags/REPO answers 400 where what runs is no version, as /repos answers nothing", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* list(["v1.0.0", "stable"])
        yield* runs("stable")
        const { status, body } = yield* request(`${origin}/tags/api`)
        assert.strictEqual(status, 400)
        assert.match(JSON.stringify(body), /stable is no released version; reset, or pin a tag/)
        const all = yield* request(`${origin}/repos`)
        assert.deepNestedInclude(all.body, { "api.pinned_tag_value": "", "api.tags": ["stable", "v1.0.0"] })
      })
    )
  )
})

describe.skipIf(noPostgres)("POST /tags/REPO", () => {
  it.live("S14: pins and switches in one transaction, committed, audited and told before it answers", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/api", "v1.0.0")
        const before = yield* desired()
        const listening = yield* Deferred.make<void>()
        const told = yield* store.changes.pipe(
          // The first element says that the listener is up.
          Stream.tap((name) => (name === null ? Deferred.succeed(listening, undefined) : Effect.void)),
          Stream.filter((name) => name !== null),
          Stream.runHead,
          Effect.forkChild
        )
        yield* Deferred.await(listening)
        const answer = yield* post(`${origin}/tags/api`, { pinned_tag: "v1.0.0", auto_deploy: false })
        assert.deepStrictEqual(
          [answer.status, answer.body],
          [
            200,
            message(
              "api is pinned to v1.0.0: it is deployed now, although auto_deploy is off; auto_deploy is off"
            )
          ]
        )
        const after = yield* desired()
        const generation = before.generation + 1
        includes(after, {
          pinnedTag: "v1.0.0",
          autoDeploy: false,
          generation,
          requestedGeneration: generation,
          requestKind: "pin",
          requestedBy: "anonymous"
        })
        assert.deepStrictEqual(yield* Fiber.join(told), Option.some(api))
        const other = yield* serve()
        const seen = yield* request(`${other}/tags/api`)
        assert.deepStrictEqual(seen.body, { repo_tag: "v1.0.0" })
        const { pool } = yield* Database
        const audited = yield* pool.unsafe("select who, address, action, repository from audit")
        assert.deepStrictEqual(audited, [
          { who: "anonymous", address: "127.0.0.1", action: "pin", repository: "api" }
        ])
      })
    )
  )

  it.live.each<
    readonly [
      what: string,
      seed: Effect.Effect<unknown, unknown, StateStore>,
      body: Record<string, unknown>,
      request: string | null,
      words: string
    ]
  >([
    [
      "a switch asks for nothing",
      Effect.void,
      { auto_deploy: false },
      null,
      "auto_deploy of api is off: nothing is deployed but what a person asks for"
    ],
    ["a switch back on neither", Effect.void, { auto_deploy: true }, null, "auto_deploy of api is on"],
    [
      "an unknown key beside a known one is ignored",
      Effect.void,
      { auto_deploy: true, x: 1 },
      null,
      "auto_deploy of api is on"
    ],
    [
      "a pin asks for its tag",
      Effect.void,
      { pinned_tag: "v1.0.0" },
      "pin",
      "api is pinned to v1.0.0: it is deployed now"
    ],
    [
      "a pin asks though that runs",
      runs("v1.0.0"),
      { pinned_tag: "v1.0.0" },
      "pin",
      "api is pinned to v1.0.0: it is deployed now"
    ],
    [
      "following asks for the elected tag",
      list(["v1.0.0", "v1.1.0"]),
      { pinned_tag: "" },
      "pin",
      "api follows versions: v1.1.0 is deployed now"
    ],
    [
      "following asks without auto_deploy too",
      list(["v1.0.0"]),
      { pinned_tag: "", auto_deploy: false },
      "pin",
      "api follows versions: v1.0.0 is deployed now, although auto_deploy is off; auto_deploy is off"
    ],
    [
      "following asks before there is a listing",
      Effect.void,
      { pinned_tag: "" },
      "pin",
      "api follows versions: the highest one is deployed as soon as the registry was listed"
    ],
    [
      "following asks for nothing where nothing is elected",
      list(["latest"]),
      { pinned_tag: "" },
      null,
      "api follows versions: nothing is deployed: no tag is a released version in the shape that is followed"
    ],
    [
      "following asks for a version where what runs is none",
      Effect.andThen(list(["v1.0.0", "stable"]), runs("stable")),
      { pinned_tag: "" },
      "pin",
      "api follows versions: v1.0.0 is deployed now"
    ]
  ])("%s", ([, seed, body, kind, words]) =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/api", "v1.0.0")
        yield* seed
        const answer = yield* post(`${origin}/tags/api/`, body)
        assert.deepStrictEqual([answer.status, answer.body], [200, message(words)])
        const after = yield* desired()
        includes(after, {
          requestKind: kind,
          requestedGeneration: kind === null ? null : after.generation,
          pinnedTag: body["pinned_tag"] ?? "",
          autoDeploy: body["auto_deploy"] ?? true
        })
      })
    )
  )

  it.live("in mode plan stores, asks for nothing and says so", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/planned", "v1.0.0")
        const answer = yield* post(`${origin}/tags/planned`, { pinned_tag: "v1.0.0" })
        assert.deepStrictEqual(
          [answer.status, answer.body],
          [200, message('planned is pinned to v1.0.0: stored only: in mode "plan" nothing is deployed')]
        )
        includes(yield* desired(planned), { pinnedTag: "v1.0.0", requestedGeneration: null })
        const off = yield* post(`${origin}/tags/planned`, { auto_deploy: false })
        assert.deepStrictEqual(
          off.body,
          message('auto_deploy of planned is off; stored only: in mode "plan" nothing is deployed')
        )
      })
    )
  )

  it.live("a pin that names the tag lifts the quarantine of its digest, and of no other", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const { pool } = yield* Database
        const digest = yield* registry.push("apps/api", "v1.0.0")
        const other = yield* registry.push("apps/api", "v1.1.0")
        for (const kept of [digest, other]) {
          yield* pool.unsafe(
            "insert into quarantine (repository, digest, why) values ('api', $1, 'it failed')",
            [kept]
          )
        }
        yield* post(`${origin}/tags/api`, { pinned_tag: "v1.0.0" })
        assert.deepStrictEqual(yield* pool.unsafe("select digest from quarantine"), [{ digest: other }])
        // An attempt at exactly this closes the request.
        assert.deepInclude(yield* desired(), { requestTag: Tag.make("v1.0.0"), requestDigest: digest })
      })
    )
  )

  it.live("a request passes a hold and says so, a switch leaves it and says so", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const { pool } = yield* Database
        yield* registry.push("apps/api", "v1.0.0")
        const hold = JSON.stringify({ by: "ann", why: "the fair", until: null, resume: "manual", left: null })
        yield* pool.unsafe("update repository set hold = $1::text::jsonb where name = 'api'", [hold])
        const pinned = yield* post(`${origin}/tags/api`, { pinned_tag: "v1.0.0" })
        assert.deepStrictEqual(
          pinned.body,
          message("api is pinned to v1.0.0: it is deployed now; the hold of ann stays, for automatic moves")
        )
        const on = yield* post(`${origin}/tags/api`, { auto_deploy: true })
        assert.deepStrictEqual(
          on.body,
          message("auto_deploy of api is on, and the hold of ann still stops automatic moves")
        )
      })
    )
  )

  it.live("a double click is told that the tag is being deployed already", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const digest = yield* registry.push("apps/api", "v1.0.0")
        const pin = post(`${origin}/tags/api`, { pinned_tag: "v1.0.0" })
        yield* pin
        const fence = yield* newFence
        const { id } = yield* acceptedAttempt(fence, {
          generation: (yield* desired()).generation,
          reason: "requested",
          to: { tag: Tag.make("v1.0.0"), digest }
        })
        assert.deepStrictEqual(
          (yield* pin).body,
          message("api is pinned to v1.0.0: it is being deployed already, and not once more")
        )
        const anew = message("api is pinned to v1.0.0: it is deployed now")
        yield* registry.push("apps/api", "v1.0.0", "overwritten")
        assert.deepStrictEqual((yield* pin).body, anew)
        yield* registry.push("apps/api", "v1.0.0")
        const store = yield* StateStore
        const stuck = { words: "no place", nomadVersion: null, deploymentId: null }
        for (const [phase, words] of [
          ["slow", "is slow"],
          ["unplaceable", "cannot be placed"]
        ] as const) {
          yield* store.setPhase(fence, id, { phase, ...stuck })
          assert.deepStrictEqual(
            (yield* pin).body,
            message(`api is pinned to v1.0.0: it is deployed now, in place of its rollout that ${words}`)
          )
        }
      })
    )
  )
})

describe.skipIf(noPostgres)("POST /tags/REPO while the registry does not answer", () => {
  const faults = [
    ["refuses", { status: 503 }],
    ["is busy", { status: 429, headers: { "retry-after": "30" } }],
    ["drops the connection", { drop: true }],
    ["hangs", { delay: 5_000 }],
    ["denies access", { status: 403 }]
  ] as const

  it.live.each(faults)("(it %s) the last good view decides for a tag that it has", ([, fault]) =>
    serve({}, { tagWithin: Duration.millis(300) }).pipe(
      Effect.flatMap((origin) =>
        Effect.gen(function* () {
          const registry = yield* RegistrySimulator
          yield* list(["v1.0.0"])
          yield* registry.fault(fault)
          const answer = yield* post(`${origin}/tags/api`, { pinned_tag: "v1.0.0" })
          assert.deepStrictEqual(
            [answer.status, answer.body],
            [200, message("api is pinned to v1.0.0: it is deployed once the registry answers")]
          )
        })
      ),
      Effect.provide(world),
      Effect.scoped
    )
  )

  it.live.each<
    readonly [what: string, seed: Effect.Effect<unknown, unknown, StateStore>, status: number, words: RegExp]
  >([
    [
      "a whole view without it",
      list(["v1.0.0"]),
      400,
      /when it last did, at 20.*, api had no tag v2.0.0; nothing was/
    ],
    [
      "a tag of its own that was seen to be gone",
      Effect.flatMap(StateStore, (store) => store.saveDigest(api, Tag.make("v2.0.0"), null)),
      400,
      /api had no tag v2.0.0; nothing was changed/
    ],
    ["no view", Effect.void, 503, /it is not known whether api has a tag v2.0.0; nothing was changed/],
    [
      "a suspect view without it",
      Effect.andThen(list(["v1.0.0"]), list([], "empty")),
      503,
      /it is not known whether api has a tag v2.0.0/
    ]
  ])("badinput: refuses another tag, with %s", ([, seed, status, words]) =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* seed
        yield* registry.fault({ drop: true })
        const before = yield* everyRow
        const answer = yield* post(`${origin}/tags/api`, { pinned_tag: "v2.0.0" })
        assert.strictEqual(answer.status, status)
        assert.hasAllKeys(answer.body, ["message"])
        assert.match(answer.text, words)
        assert.strictEqual(yield* everyRow, before)
      })
    )
  )
})

describe.skipIf(noPostgres)("POST /tags/REPO/reset", () => {
  it.live("S9: says what a suspect listing lost, and asks to go by what is left", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { pool } = yield* Database
        yield* list(["v1.0.0", "v1.1.0"])
        yield* runs("v1.1.0")
        yield* list(["v1.0.0"], "running_tag_gone")
        const { text } = yield* post(`${origin}/tags/api/reset`, "")
        assert.match(
          text,
          /since \d{4}-\S+Z the registry lists 1 tag; 1 of the last good view is missing: v1\.1\.0; the highest version that is listed all the same is deployed now/
        )
        includes(yield* desired(), { requestKind: "reset" })
        assert.deepStrictEqual(
          yield* pool`select accepted_hash = suspect_hash as trusted, accepted_by_reset as reset from repository_view`,
          [{ trusted: true, reset: true }]
        )
      })
    )
  )

  it.live("S9: names no tag that is gone, and promises nothing of a listing that lacks all", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* list(["v1.0.0", "v1.1.0", "v1.2.0"])
        yield* runs("v1.1.0")
        yield* list([], "empty")
        yield* store.saveDigest(api, Tag.make("v1.1.0"), null)
        yield* store.saveDigest(api, Tag.make("v1.2.0"), null)
        for (const [path, body] of [
          ["/reset", ""],
          ["", { pinned_tag: "" }]
        ] as const) {
          const { text } = yield* post(`${origin}/tags/api${path}`, body)
          assert.match(
            text,
            /: nothing is deployed yet: the listing is suspect: since \S+ the registry lists no tag/
          )
        }
      })
    )
  )

  it.live.each<
    readonly [
      what: string,
      seed: Effect.Effect<unknown, unknown, StateStore>,
      request: string | null,
      words: string
    ]
  >([
    [
      "asks for the elected tag",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), runs("v1.0.0")),
      "reset",
      "v1.1.0, or what was pushed above it meanwhile, is deployed now"
    ],
    [
      "asks from a tag that is no version",
      Effect.andThen(list(["v1.0.0", "stable"]), runs("stable")),
      "reset",
      "v1.0.0, or what was pushed above it meanwhile, is deployed now"
    ],
    [
      "asks for nothing where the elected tag runs",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), runs("v1.1.0")),
      null,
      "the job has v1.1.0 already, and what was pushed above it meanwhile comes after it"
    ],
    [
      "asks for nothing where nothing is elected",
      Effect.andThen(list(["stable"]), runs("stable")),
      null,
      "nothing is deployed: no tag is a released version in the shape that is followed"
    ],
    [
      "S9: goes by no listing without a tag",
      Effect.andThen(list(["v1.0.0", "v1.1.0"]), runs("v1.1.0")).pipe(Effect.andThen(list([], "empty"))),
      null,
      "the job has v1.1.0 already, and what was pushed above it meanwhile comes after it"
    ],
    [
      "asks where only the pin was ever looked at",
      runs("stable"),
      "reset",
      "the highest one is deployed as soon as the registry was listed"
    ]
  ])("%s", ([, seed, kind, words]) =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/api", "stable")
        yield* seed
        const store = yield* StateStore
        yield* store.change({
          repository: api,
          pinnedTag: Tag.make("stable"),
          autoDeploy: false,
          request: "pin",
          requestTag: Tag.make("stable"),
          by: "ann",
          from: ""
        })
        const answer = yield* post(`${origin}/tags/api/reset/`, "")
        assert.deepStrictEqual(
          [answer.status, answer.body],
          [200, message(`api follows versions, with auto_deploy on: ${words}`)]
        )
        const after = yield* desired()
        includes(after, {
          pinnedTag: "",
          autoDeploy: true,
          requestKind: kind,
          requestedGeneration: kind === null ? null : after.generation
        })
      })
    )
  )

  it.live("in mode plan stores, asks for nothing and says so", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* list(["v1.0.0"], null, planned)
        const answer = yield* post(`${origin}/tags/planned/reset`, "")
        assert.deepStrictEqual(
          answer.body,
          message(
            'planned follows versions, with auto_deploy on: stored only: in mode "plan" nothing is deployed'
          )
        )
        includes(yield* desired(planned), { requestedGeneration: null })
      })
    )
  )
})
