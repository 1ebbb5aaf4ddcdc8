import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, newFence, target } from "../store/rows.ts"
import { serve } from "./rig.ts"
import { call, ended } from "./v1.ts"
import { api, everyRow, list, runs, world } from "./world.ts"

type Row = readonly [
  what: string,
  line: string,
  body: unknown,
  status: number,
  message: string | RegExp,
  headers?: Record<string, string>
]

const notWatched = "no such repository is watched"
const nobody = "00000000-0000-4000-8000-000000000000"
const unknown = (key: string, known: string) => `body.${key}: not a key of this call, which knows ${known}`
const noTag = "body.tag: Expected a tag: 1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -"
const limit = (most: number) => `query.limit: Expected a whole number from 1 to ${most}`
const changes = "pinned_tag, auto_deploy"
const holds = "why, until, resume"

/** Every write that needs `If-Match`, with a body that is right. */
const writes: ReadonlyArray<readonly [line: string, body: unknown]> = [
  ["PATCH api", { auto_deploy: false }],
  ["POST api/reset", undefined],
  ["POST api/redeploy", {}],
  ["POST api/hold", { why: "the fair" }],
  ["DELETE api/hold", undefined],
  ["POST api/rollback", {}],
  ["POST api/accept-view", undefined],
  ["POST api/adopt", undefined],
  [`POST api/attempts/${nobody}/abandon`, undefined],
  [`POST api/attempts/${nobody}/promote`, undefined],
  [`POST api/attempts/${nobody}/fail`, {}]
]

// prettier-ignore
const rows: ReadonlyArray<Row> = [
  ...writes.map(([line, body]): Row => [`${line} without If-Match`, line, body, 412, /^this needs If-Match with the ETag that was read, or \*: api is at generation "1", changed by registrywatcher at 20.*Z; nothing was changed$/, {}]),
  ...writes.map(([line, body]): Row => [`${line} with another generation`, line, body, 412, /^it was changed meanwhile: api is at generation "1", changed by registrywatcher at 20.*Z; read it again; nothing was changed$/, { "if-match": '"7"' }]),
  ...writes.map(([line, body]): Row => [`${line} with a generation that is none`, line, body, 400, 'headers.if-match: Expected "<generation>", the ETag of the repository with its quotes, or *', { "if-match": "1" }]),
  ...writes.map(([line, body]): Row => [`${line} of a repository that is not watched`, line.replace("api", "other"), body, 404, notWatched]),
  ["a weak If-Match", "POST api/reset", undefined, 400, 'headers.if-match: Expected "<generation>", the ETag of the repository with its quotes, or *', { "if-match": 'W/"1"' }],
  ["a check of what is not watched", "POST other/check", undefined, 404, notWatched],
  ["GET of what is not watched", "GET other", undefined, 404, notWatched],
  ["GET of a name that can be none", "GET A%00b%20c", undefined, 404, notWatched],
  ["tags of what is not watched", "GET other/tags", undefined, 404, notWatched],
  ["attempts of what is not watched", "GET other/attempts", undefined, 404, notWatched],
  ["decisions of what is not watched", "GET other/decisions", undefined, 404, notWatched],
  ["a nested name without %2F", "GET team/api", undefined, 404, "there is nothing at this path"],
  ["a path that is none", "GET /v1/nothing", undefined, 404, "there is nothing at this path"],
  ["a method that is not allowed", "PUT api", {}, 405, "PUT is not allowed here, only GET, HEAD, PATCH"],
  ["a method that is not allowed on an order", "GET api/hold", undefined, 405, "GET is not allowed here, only DELETE, POST"],
  ["an attempt that is none", `GET /v1/attempts/${nobody}`, undefined, 404, "there is no such attempt"],
  ["an attempt's id that is none", "GET /v1/attempts/1", undefined, 404, "there is no such attempt"],
  ["a limit that is text", "GET api/tags?limit=all", undefined, 400, limit(1000)],
  ["a limit of none", "GET api/attempts?limit=0", undefined, 400, limit(500)],
  ["a limit beyond the cap", "GET api/decisions?limit=501", undefined, 400, limit(500)],
  ["a limit with a fraction", "GET /v1/audit?limit=1.5", undefined, 400, limit(1000)],
  ["a page that begins nowhere", "GET api/attempts?before=1", undefined, 400, /^query.before: Expected a UUID/i],
  ["a repository that can be none in the audit", "GET /v1/audit?repository=A", undefined, 400, "query.repository: Expected a repository name: lower-case path components such as team/api"],

  ["no body of a change", "PATCH api", undefined, 400, "body: Expected object"],
  ["an empty change", "PATCH api", {}, 400, "body: Expected pinned_tag or auto_deploy"],
  ["an unknown key of a change", "PATCH api", { pinned_tag: "v1.0.0", pin: 1 }, 400, unknown("pin", changes)],
  ["a key in another spelling", "PATCH api", { autoDeploy: false }, 400, unknown("autoDeploy", changes)],
  ["a switch that is text", "PATCH api", { auto_deploy: "off" }, 400, "body.auto_deploy: Expected boolean"],
  ["a pin that is no tag", "PATCH api", { pinned_tag: "a b" }, 400, "body.pinned_tag: Expected a tag: 1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -"],
  ["a pin that nobody pushed", "PATCH api", { pinned_tag: "v9.9.9", auto_deploy: false }, 400, "api has no tag v9.9.9 in its registry; nothing was changed"],
  ["half of a body", "PATCH api", '{"auto_deploy":', 400, "body: Expected a valid JSON body"],
  ["a body that is packed", "PATCH api", {}, 415, "a body in a Content-Encoding is not read", { "if-match": "*", "content-encoding": "gzip" }],

  ["an unknown key of a redeploy", "POST api/redeploy", { Tag: "v1.0.0" }, 400, unknown("Tag", "tag")],
  ["a redeploy of no tag", "POST api/redeploy", { tag: "" }, 400, noTag],
  ["a redeploy of what nobody pushed", "POST api/redeploy", { tag: "v9.9.9" }, 400, "api has no tag v9.9.9 in its registry; nothing was changed"],
  ["a redeploy where nobody knows what runs", "POST team%2Fapi/redeploy", {}, 409, 'it is not known which tag team/api runs: name one, {"tag": "…"}; nothing was changed'],
  ["a redeploy that is a list", "POST api/redeploy", ["v1.0.0"], 400, /^body: Expected object/],

  ["a hold without a reason", "POST api/hold", { until: "2999-01-01T00:00:00Z" }, 400, "body.why: Missing key"],
  ["a hold with an empty reason", "POST api/hold", { why: "  " }, 400, "body.why: Expected a reason in words"],
  ["a hold with a long reason", "POST api/hold", { why: "a".repeat(501) }, 400, "body.why: Expected at most 500 characters"],
  ["a hold until no time", "POST api/hold", { why: "a", until: "tomorrow" }, 400, /^body.until: Expected a time, 2026-01-31T12:00:00Z/],
  ["a hold until a time that is over", "POST api/hold", { why: "a", until: "2020-01-01T00:00:00Z" }, 400, /^body.until: Expected a time to come: it is 20.* now; nothing was changed$/],
  ["a hold that ends by itself somehow", "POST api/hold", { why: "a", resume: "soon" }, 400, 'body.resume: Expected "manual" | "next_version"'],
  ["an unknown key of a hold", "POST api/hold", { why: "a", reason: "b" }, 400, unknown("reason", holds)],

  ["a rollback with nothing before", "POST api/rollback", {}, 409, 'no attempt of api succeeded before v1.0.0: name what to go back to, {"tag": "…"} or {"attempt": "…"}; nothing was changed'],
  ["a rollback where nobody knows what runs", "POST team%2Fapi/rollback", undefined, 409, "it is not known what team/api runs: name a tag or an attempt; nothing was changed"],
  ["a rollback to what runs", "POST api/rollback", { tag: "v1.0.0" }, 409, "v1.0.0 is what api runs: a redeploy deploys it once more; nothing was changed"],
  ["a rollback to a tag that nobody pushed", "POST api/rollback", { tag: "v0.1.0" }, 400, "api has no tag v0.1.0 in its registry; nothing was changed"],
  ["a rollback to an attempt that is none", "POST api/rollback", { attempt: nobody }, 400, "body.attempt: api has no such attempt; nothing was changed"],
  ["a rollback to an attempt of another", "POST team%2Fapi/rollback", { attempt: "FAILED" }, 400, "body.attempt: team/api has no such attempt; nothing was changed"],
  ["a rollback to what failed", "POST api/rollback", { attempt: "FAILED" }, 409, /^attempt .* at v1.1.0 did not succeed, it is failed; nothing was changed$/],
  ["a rollback to two things", "POST api/rollback", { attempt: nobody, tag: "v1.0.0" }, 400, "body: Expected attempt or tag, not both"],
  ["an unknown key of a rollback", "POST api/rollback", { to: "v1.0.0" }, 400, unknown("to", "attempt, tag, why, resume")],

  ["an accepted view that is not suspect", "POST api/accept-view", undefined, 409, "the last listing of api is not suspect; nothing was changed"],
  ["markers where there are none", "POST api/adopt", undefined, 409, "the job of api carried no marker that is unknown when it was last read; nothing was changed"],
  ["an abandoned attempt that is none", `POST api/attempts/${nobody}/abandon`, undefined, 404, "api has no such attempt"],
  ["an abandoned attempt of another", "POST team%2Fapi/attempts/FAILED/abandon", undefined, 404, "team/api has no such attempt"],
  ["an abandoned attempt that has ended", "POST api/attempts/FAILED/abandon", undefined, 409, /^attempt .* is failed: only one whose outcome is unknown is abandoned; nothing was changed$/],
  ["a promotion of an attempt that is none", `POST api/attempts/${nobody}/promote`, undefined, 404, "api has no such attempt"],
  ["a promotion of an attempt of another", "POST team%2Fapi/attempts/FAILED/promote", undefined, 404, "team/api has no such attempt"],
  ["a promotion of what has ended", "POST api/attempts/FAILED/promote", undefined, 409, /^api: attempt .* at v1.1.0 is failed, and no rollout goes on; nothing was changed$/],
  ["a failing of what has ended", "POST api/attempts/FAILED/fail", { why: "late" }, 409, /^api: attempt .* at v1.1.0 is failed, and no rollout goes on; nothing was changed$/],
  ["a failing for an empty reason", "POST api/attempts/FAILED/fail", { why: " " }, 400, "body.why: Expected a reason in words"],
  ["an unknown key of a failing", "POST api/attempts/FAILED/fail", { reason: "late" }, 400, unknown("reason", "why")],
  ["a release of no brake", "POST /v1/brake/release", { id: 1 }, 412, "brake 1 does not stand: none stands; look at its moves again; nothing was changed"],
  ["a release that names none", "POST /v1/brake/release", {}, 400, "body.id: Missing key"],
  ["a release of nothing", "POST /v1/brake/release", { id: 1, repositories: [] }, 400, /^body.repositories/],
  ["an unknown key of a release", "POST /v1/brake/release", { id: 1, since: "now" }, 400, unknown("since", "id, repositories")]
]

describe.skipIf(noPostgres)("badinput: what /v1 refuses it explains, and no row changes", () => {
  layer(world, { excludeTestServices: true })((it) => {
    it.effect.each(rows)("%s", ([, line, body, status, message, headers]) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const store = yield* StateStore
        yield* registry.push("apps/api", "v1.0.0")
        yield* list(["v1.0.0"])
        yield* runs("v1.0.0")
        const attempts = yield* store.attempts(api, 10)
        if (attempts.length === 0) {
          yield* ended(yield* newFence, target("v1.1.0"), "failed")
          yield* acceptedAttempt(yield* newFence, { to: target("v1.0.0") })
        }
        const failed = (yield* store.attempts(api, 10)).find(({ state }) => state === "failed")?.id ?? ""
        const named = (text: string) => text.replace("FAILED", failed)
        const origin = yield* serve()
        const before = yield* everyRow
        const sent =
          body === undefined ? undefined : named(typeof body === "string" ? body : JSON.stringify(body))
        const answer = yield* call(origin, named(line), sent, headers)
        assert.strictEqual(answer.status, status, answer.text)
        assert.hasAllKeys(answer.body, ["message"])
        const { message: words } = answer.body as { readonly message: string }
        if (typeof message === "string") assert.strictEqual(words, message)
        else assert.match(words, message)
        assert.strictEqual(yield* everyRow, before)
      }).pipe(Effect.scoped)
    )
  })
})
