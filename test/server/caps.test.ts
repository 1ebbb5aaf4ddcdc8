import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import type { Socket } from "node:net"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { converse, nothingBehind, post, request, serve } from "./rig.ts"

const short = Duration.millis(300)
const kib = 1024
const head = (line: string, headers: ReadonlyArray<string> = []): string =>
  [line, "host: 127.0.0.1", ...headers, "", ""].join("\r\n")
const isMessage = (heard: string, status: number, message?: string): void => {
  const [top = "", body = ""] = heard.split("\r\n\r\n")
  assert.match(top, new RegExp(`^HTTP/1.1 ${status} `))
  assert.match(top, /^content-type: application\/json/im)
  const answered: unknown = JSON.parse(body)
  assert.hasAllKeys(answered, ["message"])
  if (message !== undefined) assert.deepStrictEqual(answered, { message })
}
const dribble = (socket: Socket, text: string) => {
  const timer = setInterval(() => socket.write(text), 20)
  socket.on("close", () => clearInterval(timer))
}

describe("caps on a peer, before it is known who it is", () => {
  it.live.each<readonly [what: string, status: number, talk: (socket: Socket) => void, message?: string]>([
    [
      "a body that says it is too large, before any of it came",
      413,
      (socket: Socket) => socket.write(head("POST /tags/api HTTP/1.1", [`content-length: ${257 * kib}`]))
    ],
    [
      "a body that turns out too large while it streams",
      413,
      (socket: Socket) => {
        socket.write(head("POST /tags/api HTTP/1.1", ["transfer-encoding: chunked"]))
        const chunk = "x".repeat(64 * kib)
        for (let sent = 0; sent < 5; sent++) socket.write(`10000\r\n${chunk}\r\n`)
      }
    ],
    [
      "headers over the cap, 8 KiB here",
      431,
      (socket: Socket) => socket.write(head("GET /repos HTTP/1.1", [`x-large: ${"x".repeat(9 * kib)}`]))
    ],
    [
      "headers that do not end in time",
      408,
      (socket: Socket) => {
        socket.write("GET /repos HTTP/1.1\r\n")
        dribble(socket, "x: y\r\n")
      }
    ],
    [
      "a body that does not end in time",
      408,
      (socket: Socket) => {
        socket.write(head("POST /tags/api HTTP/1.1", ["content-length: 1000"]))
        dribble(socket, "x")
      },
      // Ours: Node's own clock, which ends requests whose body nobody reads, says it otherwise and later.
      "the body did not arrive in time"
    ],
    ["what is no HTTP", 400, (socket: Socket) => socket.write("\x16\x03\x01 hello\r\n\r\n")],
    [
      "an expectation other than 100-continue",
      417,
      (socket: Socket) => socket.write(head("POST /tags/api HTTP/1.1", ["expect: 200-maybe"]))
    ]
  ])("X11: answers %s with %i", ([, status, talk, message]) =>
    Effect.gen(function* () {
      const origin = yield* serve({}, { headersWithin: short, bodyWithin: short, headerBytes: 8 * kib })
      isMessage(yield* converse(origin, talk), status, message)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live("X11: reads a body of exactly 256 KiB", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const answer = yield* post(`${origin}/tags/api`, '{"x":1}'.padEnd(256 * kib))
      assert.deepStrictEqual(
        [answer.status, answer.body],
        [400, { message: "body: Expected pinned_tag or auto_deploy" }]
      )
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live("X11: a body is not read before it is known who sends it", () =>
    Effect.gen(function* () {
      const origin = yield* serve()
      const heard = yield* converse(origin, (socket) => {
        socket.write(head("POST /tags/api HTTP/1.1", ["transfer-encoding: chunked", "connection: close"]))
      })
      isMessage(heard, 401)
    }).pipe(
      Effect.provide(Layer.merge(nothingBehind, Layer.mock(Tokens, { exist: Effect.succeed(true) }))),
      Effect.scoped
    )
  )

  it.live("X11: a peer that asks too often is told so, and may ask again soon", () =>
    Effect.gen(function* () {
      const origin = yield* serve({}, { rate: { perSecond: 5, burst: 3 } })
      const ask = request(`${origin}/ping`)
      const answers = yield* Effect.all([ask, ask, ask, ask])
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 429]
      )
      assert.strictEqual(answers[3].headers.get("retry-after"), "1")
      yield* Effect.sleep("250 millis")
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )

  it.live("X11: beyond the cap of connections there is no queue", () =>
    Effect.gen(function* () {
      const origin = yield* serve({}, { connections: 2 })
      const idle = yield* Effect.forkChild(
        Effect.all([converse(origin, () => {}), converse(origin, () => {})], { concurrency: 2 })
      )
      yield* Effect.sleep("100 millis")
      const heard = yield* converse(origin, (socket) => socket.write(head("GET /ping HTTP/1.1")))
      assert.strictEqual(heard, "")
      yield* Fiber.interrupt(idle)
    }).pipe(Effect.provide(nothingBehind), Effect.scoped)
  )
})

describe("the end of a server", () => {
  const slow = Layer.mergeAll(
    nothingBehind,
    Layer.mock(StateStore, { schema: Effect.as(Effect.sleep("200 millis"), { id: 1, name: "first" }) }),
    Layer.mock(Leader, { leads: Effect.succeed(false), leadership: Effect.succeed(null) })
  )

  it.live("L10: what is under way finishes, nothing new is taken, and nothing else is waited for", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const origin = yield* Scope.provide(serve(), scope)
      const underWay = yield* Effect.forkChild(request(`${origin}/health/ready`))
      yield* Effect.sleep("50 millis")
      const ending = yield* Effect.forkChild(Effect.timed(Scope.close(scope, Exit.void)))
      yield* Effect.sleep("50 millis")
      const late = yield* Effect.exit(request(`${origin}/ping`))
      assert.isTrue(Exit.isFailure(late))
      assert.strictEqual((yield* Fiber.join(underWay)).status, 200)
      const [took] = yield* Fiber.join(ending)
      assert.isBelow(Duration.toMillis(took), 1_500)
    }).pipe(Effect.provide(slow))
  )

  it.live.each<readonly [what: string, words: string]>([
    ["its headers", "GET /repos HTTP/1.1\r\nhost:"],
    ["its body", head("POST /tags/api HTTP/1.1", ["content-length: 1000"])]
  ])("L10: a client that does not go on with %s is cut in the end", ([, words]) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const origin = yield* Scope.provide(serve({}, { drainWithin: short }), scope)
      const stuck = yield* Effect.forkChild(converse(origin, (socket) => socket.write(words)))
      yield* Effect.sleep("50 millis")
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(took), 1_500)
      yield* Fiber.join(stuck)
    }).pipe(Effect.provide(nothingBehind))
  )
})
