import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Api } from "../../src/api/Api.ts"
import { Access, Authorization } from "../../src/api/Authorization.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Tag } from "../../src/domain/Tag.ts"
import { routesOf } from "../../src/server/routes.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import type { RepositoryStatus } from "../../src/store/statuses.ts"
import { nothingBehind, post, request, serve } from "./rig.ts"

const apiOf = (endpoint: HttpApiEndpoint.Constraint) =>
  HttpApi.make("test").add(HttpApiGroup.make("test").add(endpoint))

/** A row of `api` with this pin, which no migration of ours lets in. */
const statusOf = (pinnedTag: string): RepositoryStatus => ({
  desired: {
    repository: RepositoryName.make("api"),
    pinnedTag: pinnedTag as Tag,
    autoDeploy: true,
    hold: null,
    generation: 1,
    requestedGeneration: null,
    requestKind: null,
    requestedBy: null,
    requestTag: null,
    requestDigest: null,
    abandoned: null,
    highWaterMark: null,
    baselineTag: null,
    baselineDigest: null,
    baselineAt: null,
    baselineAllAt: null,
    updatedBy: "ann",
    updatedAt: new Date(0)
  },
  observed: null,
  observedAt: null,
  decision: null,
  decidedAt: null,
  checkedAt: null,
  readAt: new Date(0)
})

describe("the routes of the API", () => {
  it("X8: every endpoint says who may call it", () => {
    const access = routesOf(Api).map((route) => `${route.method} ${route.path}: ${route.access}`)
    assert.sameMembers(access, [
      "GET /: anyone",
      "GET /web/:file: anyone",
      "GET /ping: anyone",
      "GET /health/live: anyone",
      "GET /health/ready: anyone",
      "GET /repos: read",
      "GET /tags/:repository: read",
      "POST /tags/:repository: operate",
      "POST /tags/:repository/reset: operate",
      "GET /v1/repositories: read",
      "GET /v1/repositories/:repository: read",
      "GET /v1/repositories/:repository/tags: read",
      "GET /v1/repositories/:repository/plan: operate",
      "GET /v1/repositories/:repository/attempts: read",
      "GET /v1/repositories/:repository/decisions: read",
      "GET /v1/attempts/:attempt: read",
      "PATCH /v1/repositories/:repository: operate",
      "POST /v1/repositories/:repository/reset: operate",
      "POST /v1/repositories/:repository/redeploy: operate",
      "POST /v1/repositories/:repository/hold: operate",
      "DELETE /v1/repositories/:repository/hold: operate",
      "POST /v1/repositories/:repository/rollback: operate",
      "POST /v1/repositories/:repository/check: operate",
      "POST /v1/repositories/:repository/accept-view: operate",
      "POST /v1/repositories/:repository/adopt: operate",
      "POST /v1/repositories/:repository/attempts/:attempt/abandon: operate",
      "POST /v1/repositories/:repository/attempts/:attempt/promote: operate",
      "POST /v1/repositories/:repository/attempts/:attempt/fail: operate",
      "GET /v1/brake: read",
      "POST /v1/brake/release: operate",
      "POST /v1/adopt: operate",
      "GET /v1/audit: admin",
      "GET /v1/events: read",
      "GET /metrics: read",
      "GET /openapi.json: read"
    ])
  })

  const bare = HttpApiEndpoint.get("a", "/a")

  it.each([
    ["an endpoint that does not say who may call it", bare.middleware(Authorization)],
    ["a role that nothing enforces", bare.annotate(Access, "read")],
    [
      "anyone, behind something that asks for a token",
      bare.middleware(Authorization).annotate(Access, "anyone")
    ]
  ])("X8: no server starts with %s", (_, endpoint) =>
    assert.throws(() => routesOf(apiOf(endpoint)), /GET \/a/)
  )
})

describe("the gate", () => {
  it.live.each<readonly [what: string, method: string, path: string, status: number, allow?: string]>([
    ["a path that is none", "GET", "/nothing", 404],
    ["a path that is none, to a browser", "GET", "/v1/nothing", 404],
    ["another case", "GET", "/REPOS", 404],
    ["two slashes", "GET", "//repos", 404],
    ["a name longer than any", "GET", `/tags/${"a".repeat(5000)}`, 400],
    ["a method that is not allowed", "DELETE", "/tags/api", 405, "GET, HEAD, POST"],
    ["a method that is not allowed at a verb", "PUT", "/tags/api/reset", 405, "GET, HEAD, POST"],
    ["OPTIONS, for there is no CORS", "OPTIONS", "/repos", 405, "GET, HEAD"],
    ["POST where only GET is", "POST", "/repos/", 405, "GET, HEAD"]
  ])("X22: answers %s with a message", ([, method, path, status, allow]) =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const answer = yield* request(`${origin}${path}`, { method, headers: { accept: "text/html" } })
      assert.strictEqual(answer.status, status)
      assert.hasAllKeys(answer.body, ["message"])
      assert.strictEqual(answer.headers.get("allow"), allow ?? null)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live("answers HEAD as GET, without the body", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const { status, text, headers } = yield* request(`${origin}/ping`, { method: "HEAD" })
      assert.deepStrictEqual([status, text, headers.get("content-length")], [200, "", "18"])
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live.each<readonly [path: string, status: number]>([
    ["/ping", 200],
    ["/nothing", 404],
    ["/repos", 500]
  ])("X12: %s comes with the headers that keep pages of others out, and without CORS", ([path, expected]) =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const init = { headers: { origin: "https://evil.example" } }
      const { status, headers } = yield* request(`${origin}${path}?a=b`, init)
      assert.strictEqual(status, expected)
      assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'; frame-ancestors 'none'/)
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(headers.get("x-frame-options"), "DENY")
      assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
      assert.strictEqual(headers.get("access-control-allow-origin"), null)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live.each<readonly [what: string, headers: Record<string, string>, status: number]>([
    ["a page of another origin", { origin: "https://evil.example" }, 403],
    ["a page without an origin of its own", { origin: "null" }, 403],
    ["a page that hides its origin", { "sec-fetch-site": "cross-site" }, 403],
    ["our own page", { origin: "own" }, 400],
    ["no browser", {}, 400]
  ])("X12: a POST from %s", ([, headers, status]) =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const own = headers["origin"] === "own" ? { origin } : headers
      const answer = yield* post(`${origin}/tags/unwatched`, { auto_deploy: true }, { headers: own })
      assert.strictEqual(answer.status, status)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live.each<readonly [what: string, statuses: StateStore["Service"]["statuses"]]>([
    ["a defect", () => Effect.die(new Error("select secret from canary at db.internal:5432"))],
    // A name that the encoder of the answer does not take for a tag.
    ["an answer that is none", () => Effect.succeed([statusOf("no tag")])]
  ])("X22: says nothing of what went wrong inside, %s", ([, statuses]) =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const answer = yield* request(`${origin}/repos`)
      assert.deepStrictEqual(
        [answer.status, answer.body],
        [500, { message: "internal error; the log of this instance has more" }]
      )
    }).pipe(
      Effect.provide(
        Layer.merge(
          nothingBehind,
          Layer.mock(StateStore, {
            statuses,
            views: () => Effect.succeed(new Map()),
            elections: () => Effect.succeed(new Map())
          })
        )
      ),
      Effect.scoped
    )
  )
})
