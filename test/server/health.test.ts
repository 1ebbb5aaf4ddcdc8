import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Api } from "../../src/api/Api.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { routesOf } from "../../src/server/routes.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { StoreError, StoreUnavailable } from "../../src/store/StoreError.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { noPostgres } from "../real/postgres.ts"
import { nothingBehind, post, request, serve, watches } from "./rig.ts"
import { world } from "./world.ts"

const down = new StoreError({
  call: "test",
  reason: new StoreUnavailable({ cause: new Error("connect ECONNREFUSED db.internal:5432") })
})
const fails = () => Effect.fail(down)
/** Postgres does not answer. */
const withoutDatabase = Layer.mergeAll(
  nothingBehind,
  Layer.mock(Leader, { leads: Effect.succeed(false), leadership: Effect.fail(down) }),
  Layer.mock(StateStore, {
    statuses: fails,
    views: fails,
    elections: fails,
    decisionCounts: fails,
    schema: Effect.fail(down)
  })
)

describe("health", () => {
  it.live("L13: /metrics is there without database, and says nothing of repositories", () =>
    Effect.gen(function* () {
      const origin = yield* serve({ allowUnauthenticated: true })
      const { status, text } = yield* request(`${origin}/metrics`)
      assert.strictEqual(status, 200)
      assert.notInclude(text, "registrywatcher_repositories")
      assert.include(text, "registrywatcher_leader 0")
    }).pipe(Effect.provide(withoutDatabase), Effect.scoped)
  )

  it.live.each([["/health/live"], ["/health/live/"], ["/ping/"]])(
    "L13: %s is 200 without database",
    ([path]) =>
      Effect.gen(function* () {
        const origin = yield* serve()
        assert.strictEqual((yield* request(`${origin}${path}`)).status, 200)
      }).pipe(Effect.provide(withoutDatabase), Effect.scoped)
  )

  it.live.each<readonly [method: string, path: string]>([
    ["GET", "/health/ready"],
    ["GET", "/repos"],
    ["GET", "/tags/api"],
    ["POST", "/tags/api"],
    ["POST", "/tags/api/reset"]
  ])("L13: %s %s is 503 without database, in generic words", ([method, path]) =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const body = method === "POST" ? { body: '{"auto_deploy":true}' } : {}
      const answer = yield* request(`${origin}${path}`, { method, ...body })
      assert.deepStrictEqual(
        [answer.status, answer.body, answer.headers.get("retry-after")],
        [503, { message: "the database does not answer; try again" }, "1"]
      )
    }).pipe(Effect.provide(withoutDatabase), Effect.scoped)
  )

  it.live("X7: whether tokens exist not being known, nobody is let in", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      assert.strictEqual((yield* post(`${origin}/tags/api`, { auto_deploy: false })).status, 503)
    }).pipe(
      Effect.provide(Layer.merge(nothingBehind, Layer.mock(Tokens, { exist: Effect.fail(down) }))),
      Effect.scoped
    )
  )
})

describe.skipIf(noPostgres)("health on a real Postgres", () => {
  it.live("L13: /health/ready says what it stands on", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      const schema = yield* store.schema
      const origin = yield* serve({ database: Redacted.make("postgres://canary@db/x") })
      const { status, body, text } = yield* request(`${origin}/health/ready`)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        message: "ready",
        database: "external",
        role: "standby",
        leader: null,
        schema,
        config: { file: "config/test.toml", repositories: 3 }
      })
      assert.notInclude(text, "canary")
      assert.isAtLeast(schema.id, 1)
    }).pipe(Effect.provide(world), Effect.scoped)
  )

  it.live("X24: /metrics is Prometheus's text: ours, the process's, Node's", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      yield* request(`${origin}/tags/team/api`)
      const { status, text, headers } = yield* request(`${origin}/metrics`)
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
      const lines = text.split("\n")
      const value = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(" ")[1])
      const counter =
        'registrywatcher_http_requests_total{method="GET",route="/tags/:repository",status="400"}'
      assert.isAtLeast(value(counter), 1)
      assert.strictEqual(value("registrywatcher_leader"), 0)
      assert.isAbove(value("process_resident_memory_bytes"), 1e6)
      assert.isAbove(value("process_cpu_seconds_total"), 0)
      for (const line of lines)
        assert.match(line, /^$|^# (?:HELP|TYPE) [a-z_]+ .+$|^[a-z_]+(?:\{.*\})? [-+.\de]+$/i)
    }).pipe(Effect.provide(world), Effect.scoped)
  )

  it.live("L13: /metrics counts the watched repositories by decision and reason, on any instance", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      const stall = { _tag: "Stall", reason: "drift", words: "", would: null } as const
      yield* store.adopt([watches("forgotten")])
      for (const name of ["api", "team/api", "forgotten"])
        yield* store.saveDecision(RepositoryName.make(name), stall)
      yield* store.saveDecision(RepositoryName.make("planned"), {
        _tag: "InSync",
        tag: Tag.make("v1"),
        digest: null
      })
      const origin = yield* serve()
      const { text } = yield* request(`${origin}/metrics`)
      assert.deepStrictEqual(
        text.split("\n").filter((line) => line.startsWith("registrywatcher_repositories")),
        [
          'registrywatcher_repositories{decision="in_sync",reason=""} 1',
          'registrywatcher_repositories{decision="stall",reason="drift"} 2'
        ]
      )
    }).pipe(Effect.provide(world), Effect.scoped)
  )

  it.live("/openapi.json lists every route but the page's, and which want a token", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const { body } = yield* request(`${origin}/openapi.json`)
      const { paths } = body as {
        paths: Record<string, Record<string, { security: ReadonlyArray<unknown> }>>
      }
      const listed = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { security }]) => `${method} ${path} ${security.length}`)
      )
      // The page and its files are for browsers, not for programs.
      const called = routesOf(Api).filter(({ path }) => path !== "/" && !path.startsWith("/web/"))
      const routes = called.map(({ method, path, access }) => {
        const named = path.replaceAll(/:(\w+)/g, "{$1}")
        return `${method.toLowerCase()} ${named} ${access === "anyone" ? 0 : 1}`
      })
      assert.sameMembers(listed, routes)
    }).pipe(Effect.provide(world), Effect.scoped)
  )
})
