import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { noPostgres } from "../real/postgres.ts"
import { request, serve } from "./rig.ts"
import { everyRow, list, world } from "./world.ts"

type Row = readonly [what: string, call: string, init: RequestInit, status: number, message: string]

const notWatched = "no such repository is watched"
const notJson = "body: Expected a valid JSON body"
const noObject = "body: Expected object"
const noKey = "body: Expected pinned_tag or auto_deploy"
const noText = 'body.pinned_tag: Expected a tag, or "" to follow versions'
const noGrammar = "body.pinned_tag: Expected a tag: 1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -"
const noTag = (tag: string) => `api has no tag ${tag} in its registry; nothing was changed`
const pin = (tag: string) => JSON.stringify({ pinned_tag: tag })
const good = { body: pin("v1.0.0") }

/** One row for each error that `design.md` §10 names. */
const calls: ReadonlyArray<Row> = [
  ["GET of a repository that is not watched", "GET /tags/other", {}, 400, notWatched],
  ["GET of a name that can be none", "GET /tags/A%00b%20c", {}, 400, notWatched],
  ["GET of a name in another case", "GET /tags/API", {}, 400, notWatched],
  ["GET before the first view", "GET /tags/team/api", {}, 400, "the tags of team/api were not listed yet"],
  [
    "GET where nothing is elected",
    "GET /tags/planned",
    {},
    400,
    "no tag of planned is elected: no tag is a released version in the shape that is followed"
  ],
  ["a pin of a repository that is not watched", "POST /tags/other", good, 400, notWatched],
  ["a pin of a nested one that is not watched", "POST /tags/team/other/", good, 400, notWatched],
  ["a reset of a repository that is not watched", "POST /tags/other/reset", {}, 400, notWatched],
  ["a path that is none", "POST /tag/api", good, 404, "there is nothing at this path"],
  [
    "a method that is not allowed",
    "PUT /tags/api",
    good,
    405,
    "PUT is not allowed here, only GET, HEAD, POST"
  ],
  [
    "a method that is not allowed on a list",
    "DELETE /repos",
    {},
    405,
    "DELETE is not allowed here, only GET, HEAD"
  ],
  [
    "a body of more than 256 KiB",
    "POST /tags/api",
    { body: pin("v1.0.0").padEnd(256 * 1024 + 1) },
    413,
    "the body is larger than 262144 bytes"
  ],
  [
    "a body that is packed",
    "POST /tags/api",
    { ...good, headers: { "content-encoding": "gzip" } },
    415,
    "a body in a Content-Encoding is not read"
  ],
  [
    "a page of another origin",
    "POST /tags/api",
    { ...good, headers: { origin: "https://evil.example" } },
    403,
    "this request comes from a page of another origin"
  ],
  [
    "a token that nobody made",
    "POST /tags/api",
    { ...good, headers: { authorization: "Bearer none" } },
    401,
    "this token is unknown, revoked or expired"
  ]
]

/** Bodies of `POST /tags/api`, each answered with 400. */
const bodies: ReadonlyArray<readonly [what: string, body: string, message: string]> = [
  ["no body", "", noObject],
  ["an empty object", "{}", noKey],
  ["only unknown keys", '{"tag":"v1.0.0"}', noKey],
  ["keys in another case", '{"Pinned_Tag":"v1.0.0"}', noKey],
  ["a form", "pinned_tag=v1.0.0", notJson],
  ["half of a body", '{"pinned_tag":', notJson],
  ["an array", "[]", noObject],
  ["null", "null", noObject],
  ["text", '"v1.0.0"', noObject],
  ["a tag that is a number", '{"pinned_tag":1}', noText],
  ["a tag that is null", '{"pinned_tag":null}', noText],
  ["a switch that is text", '{"auto_deploy":"false"}', "body.auto_deploy: Expected boolean"],
  ["a switch that is a number", '{"auto_deploy":0}', "body.auto_deploy: Expected boolean"],
  ["a right key beside a wrong one", '{"auto_deploy":false,"pinned_tag":2}', noText],
  ["a tag with a space", pin("v1 0"), noGrammar],
  ["a tag that begins with a dash", pin("-rf"), noGrammar],
  ["a tag of 129 characters", pin("a".repeat(129)), noGrammar],
  ["a tag that is a path", pin("../../v2/other/manifests/latest"), noGrammar],
  ["a digest for a tag", pin(`sha256:${"a".repeat(64)}`), noGrammar],
  ["SQL for a tag", pin("'; drop table repository; --"), noGrammar],
  ["a tag that is not in the registry", pin("v9.9.9"), noTag("v9.9.9")],
  ["a tag in another case", pin("V1.0.0"), noTag("V1.0.0")],
  ["a missing tag beside a right switch", '{"pinned_tag":"v9.9.9","auto_deploy":false}', noTag("v9.9.9")]
]

const rows = [
  ...calls,
  ...bodies.map(([what, body, message]): Row => [what, "POST /tags/api", { body }, 400, message])
]

describe.skipIf(noPostgres)("badinput: a wrong request is told why, and no row changes", () => {
  layer(world, { excludeTestServices: true })((it) => {
    it.effect.each(rows)("%s", ([, call, init, status, message]) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        yield* registry.push("apps/api", "v1.0.0")
        yield* list(["v1.0.0"])
        yield* list(["latest"], null, RepositoryName.make("planned"))
        const origin = yield* serve()
        const before = yield* everyRow
        const [method = "", path = ""] = call.split(" ")
        const answer = yield* request(`${origin}${path}`, { ...init, method })
        assert.deepStrictEqual([answer.status, answer.body], [status, { message }])
        assert.strictEqual(yield* everyRow, before)
      }).pipe(Effect.scoped)
    )
  })
})
