import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, digest, newFence, target } from "../store/rows.ts"
import { call, ended, served, tag } from "./v1.ts"
import { api, desired, list, runs } from "./world.ts"

const versions = (count: number) => Array.from({ length: count }, (_, minor) => `v1.${minor}.0`)

describe.skipIf(noPostgres)("what /v1 shows", () => {
  it.live("a repository, before anything is known of it", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { status, body, headers } = yield* call(origin, "GET team%2Fapi")
        assert.deepStrictEqual([status, headers.get("etag")], [200, '"1"'])
        assert.deepNestedInclude(body, {
          name: "team/api",
          mode: "act",
          job: { region: "", namespace: "default", job: "team-api" },
          why: "what team-api runs is not known, and nothing was decided yet: no instance that watches it has led; the registry was not read yet.",
          "desired.generation": 1,
          "desired.pinned_tag": "",
          "desired.request": null,
          "desired.updated_by": "registrywatcher",
          decision: null,
          checked_at: null,
          stale: false,
          elected: null,
          view: null,
          observed: null
        })
      })
    )
  )

  it.live("L13: a repository: wanted, seen, observed, decided since when, and why", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const { pool } = yield* Database
        yield* list(["v1.0.0", "v1.1.0"])
        yield* store.saveDigest(api, tag("v1.1.0"), digest("v1.1.0"))
        yield* runs("v1.0.0")
        yield* store.change({
          repository: api,
          autoDeploy: false,
          request: "redeploy",
          requestTag: tag("v1.0.0"),
          by: "ann",
          from: ""
        })
        yield* store.saveDecision(api, {
          _tag: "Wait",
          reason: "auto_deploy_off",
          words: "off",
          would: { tag: tag("v1.1.0"), digest: digest("v1.1.0") },
          verdict: null
        })
        yield* pool.unsafe("update repository_view set taken_at = now() - interval '10 minutes'")
        yield* store.touch([api])
        yield* pool.unsafe("update checked set checked_at = now() - interval '90 seconds'")
        const { body, headers } = yield* call(origin, "GET api")
        assert.strictEqual(headers.get("etag"), '"2"')
        const { view, why } = body as { view: { age_seconds: number }; why: string }
        assert.approximately(view.age_seconds, 90, 5)
        assert.match(
          why,
          /^api runs v1.0.0, and v1.1.0 is wanted but not deployed: auto_deploy is off; switch it on, or order it: pin the tag, or reset; the redeploy that ann ordered is open; the registry was last read 9\d s ago.$/
        )
        assert.deepNestedInclude(body, {
          "desired.request": { generation: 2, kind: "redeploy", by: "ann", tag: "v1.0.0", digest: null },
          elected: { tag: "v1.1.0", digest: digest("v1.1.0") },
          "view.tags": 2,
          "view.suspect": null,
          "view.doubt": null,
          "observed.reason": null,
          "observed.version": 1,
          "observed.tasks[0]": {
            group: "web",
            task: "web",
            image: "registry.example.com/apps/api:v1.0.0",
            tag: "v1.0.0",
            digest: null,
            attempt: null
          },
          "decision.decision": "wait",
          "decision.reason": "auto_deploy_off",
          "decision.target": { tag: "v1.1.0", digest: digest("v1.1.0") }
        })
        const all = yield* call(origin, "GET /v1/repositories")
        assert.deepNestedInclude(all.body, {
          "repositories.length": 3,
          "repositories[0].name": "api",
          "repositories[0].runs": ["v1.0.0"],
          "repositories[0].why": why,
          "repositories[2].mode": "plan"
        })
      })
    )
  )

  it.live("S9: a suspect view with what is doubted of it, until a person accepts it", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* list(versions(10))
        yield* store.saveListing(api, {
          tags: [tag("v1.0.0")],
          suspect: "running_tag_gone",
          fingerprint: "of api",
          running: [tag("v1.9.0")]
        })
        const { body } = yield* call(origin, "GET api")
        assert.deepNestedInclude(body, {
          "view.suspect": "running_tag_gone",
          "view.doubt.listed": 1,
          "view.doubt.lost": 9,
          "view.doubt.running": ["v1.9.0"]
        })
        const accepted = yield* call(origin, "POST api/accept-view", undefined, { "if-match": '"1"' })
        assert.deepStrictEqual([accepted.status, accepted.headers.get("etag")], [200, '"2"'], accepted.text)
        assert.match(
          accepted.text,
          /the listing of api is accepted, with 1 tag and without 9 that were there before \(v1.9.0, .*\): the next one like it is the last good view; the job has v1.9.0, which is among them/
        )
        assert.strictEqual((yield* desired()).updatedBy, "anonymous")
      })
    )
  )

  it.live("why each tag is or is not elected, the newest first", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const { pool } = yield* Database
        yield* list([
          "v1.9.0",
          "v1.10.0",
          "v1.11.0",
          "v2.0.0-rc.1",
          "latest",
          `sha256-${"a".repeat(64)}.sig`,
          "1.2"
        ])
        yield* list([
          "v1.9.0",
          "v1.10.0",
          "v1.11.0",
          "v2.0.0-rc.1",
          "latest",
          `sha256-${"a".repeat(64)}.sig`,
          "1.2",
          "v0.1.0"
        ])
        yield* pool.unsafe("update tag set first_seen = first_seen - interval '1 hour' where tag <> 'v0.1.0'")
        yield* store.saveDigest(api, tag("v1.11.0"), digest("bad"))
        yield* store.saveDigest(api, tag("v7.0.0"), null)
        yield* pool.unsafe(
          "insert into quarantine (repository, digest, why) values ('api', $1, 'it exited')",
          [digest("bad")]
        )
        yield* runs("v1.9.0")
        const { body } = yield* call(origin, "GET api/tags")
        const { tags } = body as {
          tags: ReadonlyArray<{ tag: string; verdict: string; quarantine: unknown }>
        }
        assert.deepStrictEqual(
          tags.map(({ tag: name, verdict }) => [name, verdict]),
          [
            ["v7.0.0", "missing"],
            ["v0.1.0", "older"],
            ["v2.0.0-rc.1", "prerelease"],
            ["v1.11.0", "quarantined"],
            ["v1.10.0", "elected"],
            ["v1.9.0", "older"],
            ["1.2", "other_shape"],
            ["latest", "not_a_version"],
            [`sha256-${"a".repeat(64)}.sig`, "artifact"]
          ]
        )
        assert.deepStrictEqual(tags[3]?.quarantine, { why: "it exited", until: null })
        assert.isNull(tags[4]?.quarantine)
        const two = yield* call(origin, "GET api/tags?limit=2")
        assert.deepNestedInclude(two.body, { "tags.length": 2, "tags[1].tag": "v0.1.0" })
        yield* store.saveDigest(api, tag("v1.9.0"), digest("v1.9.0"))
        yield* store.change({ repository: api, pinnedTag: tag("v1.9.0"), by: "ann", from: "" })
        const pinned = yield* call(origin, "GET api/tags")
        const verdicts = (pinned.body as { tags: typeof tags }).tags.map(({ verdict }) => verdict)
        assert.deepStrictEqual(verdicts.slice(4, 7), ["not_pinned", "elected", "not_pinned"])
      })
    )
  )

  it.live("as many tags as the limit, of thousands that came at once the highest", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* list(versions(1200))
        const usual = yield* call(origin, "GET api/tags")
        assert.deepNestedInclude(usual.body, {
          "tags.length": 100,
          "tags[0].tag": "v1.1199.0",
          "tags[99].tag": "v1.1100.0"
        })
        const most = yield* call(origin, "GET api/tags?limit=1000")
        assert.deepNestedInclude(most.body, { "tags.length": 1000, "tags[0].verdict": "elected" })
      })
    )
  )

  it.live("attempts by pages, the newest first, each with what became of it", () =>
    served((origin) =>
      Effect.gen(function* () {
        const fence = yield* newFence
        const ids: Array<string> = []
        for (const name of ["v1.0.0", "v1.1.0", "v1.2.0"]) ids.unshift(yield* ended(fence, target(name)))
        const last = yield* acceptedAttempt(fence, {
          reason: "requested",
          request: { kind: "redeploy", by: "ann" },
          from: target("v1.2.0"),
          to: target("v1.3.0")
        })
        ids.unshift(last.id)
        const page = (query: string) =>
          Effect.map(call(origin, `GET api/attempts${query}`), ({ body }) => {
            const { attempts, next } = body as {
              attempts: ReadonlyArray<{ id: string }>
              next: string | null
            }
            return [attempts.map(({ id }) => id), next]
          })
        assert.deepStrictEqual(yield* page(""), [ids, null])
        assert.deepStrictEqual(yield* page("?limit=2"), [ids.slice(0, 2), ids[1] ?? null])
        assert.deepStrictEqual(yield* page(`?limit=2&before=${ids[1]}`), [ids.slice(2), null])
        assert.deepStrictEqual(yield* page("?before=00000000-0000-4000-8000-000000000000"), [[], null])
        const { body } = yield* call(origin, `GET /v1/attempts/${last.id}`)
        assert.deepNestedInclude(body, {
          id: last.id,
          repository: "api",
          job: { region: "", namespace: "default", job: "api" },
          reason: "requested",
          request_kind: "redeploy",
          requested_by: "ann",
          from: target("v1.2.0"),
          to: target("v1.3.0"),
          state: "accepted",
          phase: "rolling",
          nomad_index: 11,
          nomad_version: 4,
          ended_at: null
        })
        const before = yield* call(origin, `GET /v1/attempts/${ids[1]}`)
        assert.deepNestedInclude(before.body, {
          state: "succeeded",
          words: "Deployment completed successfully",
          blame: null
        })
        const failed = yield* ended(fence, target("v1.4.0"), "failed")
        assert.deepNestedInclude((yield* call(origin, `GET /v1/attempts/${failed}`)).body, {
          state: "failed",
          blame: "image"
        })
      })
    )
  )

  it.live("decisions, the one that stands and those before it", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* store.saveDecision(api, { _tag: "InSync", ...target("v1.0.0") })
        yield* store.saveDecision(api, { _tag: "Deploy", ...target("v1.1.0"), reason: "new_version" })
        yield* store.saveDecision(api, { _tag: "Follow", words: "running" })
        const { body } = yield* call(origin, "GET api/decisions")
        assert.deepNestedInclude(body, {
          "decisions.length": 3,
          "decisions[0].decision": "follow",
          "decisions[0].until": null,
          "decisions[1].decision": "deploy",
          "decisions[1].reason": "new_version",
          "decisions[1].target": target("v1.1.0"),
          "decisions[2].decision": "in_sync"
        })
        const one = yield* call(origin, "GET api/decisions?limit=1")
        assert.deepNestedInclude(one.body, { "decisions.length": 1, "decisions[0].decision": "follow" })
      })
    )
  )

  it.live("S17: the brake with its moves, and what a release of it lets go", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        assert.deepStrictEqual((yield* call(origin, "GET /v1/brake")).body, { brake: null })
        const moves = [
          { repository: api, ...target("v1.1.0") },
          { repository: RepositoryName.make("team/api"), ...target("v2.0.0") }
        ]
        yield* store.pullBrake(yield* newFence, moves)
        const { body } = yield* call(origin, "GET /v1/brake")
        assert.deepNestedInclude(body, { "brake.stopped": moves, "brake.released_at": null })
        const { id } = (body as { brake: { id: number } }).brake
        const other = yield* call(origin, "POST /v1/brake/release", { id: id + 1 })
        assert.match(other.text, new RegExp(`brake ${id + 1} does not stand: brake ${id} stands, since 20`))
        const released = yield* call(origin, "POST /v1/brake/release", { id, repositories: ["api"] }, {})
        assert.deepStrictEqual(
          [released.status, released.body],
          [200, { message: "the brake is released, and lets go api to v1.1.0", released: moves.slice(0, 1) }]
        )
        const after = yield* call(origin, "GET /v1/brake")
        assert.deepNestedInclude(after.body, {
          "brake.released_by": "anonymous",
          "brake.released": moves.slice(0, 1)
        })
        const again = yield* call(origin, "POST /v1/brake/release", { id })
        assert.strictEqual(again.status, 412)
      })
    )
  )

  it.live("X20: the audit of all and of one, the newest first", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* call(origin, "POST api/hold", { why: "the fair" })
        yield* call(origin, "PATCH team%2Fapi", { auto_deploy: false })
        const all = yield* call(origin, "GET /v1/audit")
        assert.deepNestedInclude(all.body, {
          "entries[0].repository": "team/api",
          "entries[0].before.autoDeploy": true,
          "entries[0].after.autoDeploy": false,
          "entries[1].action": "hold",
          "entries[1].after.hold.why": "the fair"
        })
        const one = yield* call(origin, "GET /v1/audit?repository=api")
        assert.deepNestedInclude(one.body, { "entries.length": 1, "entries[0].action": "hold" })
      })
    )
  )
})
