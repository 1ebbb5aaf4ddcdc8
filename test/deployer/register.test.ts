import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { createServer } from "node:net"
import { Deployer, type Registered } from "../../src/deployer/Deployer.ts"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"
import { attemptA, mapping, recording, target, web } from "./jobs.ts"
import { type Asked, endpointAt, nomadScript, type Said } from "./NomadScript.ts"

/** Reads are served; what a register meets is `post`. */
const serving =
  (post: Said) =>
  ({ method, url }: Asked): Said => {
    if (method === "POST") return post
    if (url.includes("/submission")) return { status: 404, text: "job source not found" }
    return { json: url.includes("/deployment") ? null : web }
  }

/** An edit made by a server that reads well. */
const makeEdit = Effect.gen(function* () {
  const good = yield* nomadScript(serving({ status: 500, text: "not asked" }))
  return yield* Deployer.use((deployer) =>
    Effect.gen(function* () {
      const { base } = yield* deployer.observe(mapping())
      assert.isDefined(base)
      return yield* deployer.edit(base, target, attemptA)
    })
  ).pipe(Effect.provide(Deployer.layer(good.endpoint)))
})

/** Registers it at `endpoint`. */
const registerAt = (endpoint: NomadEndpoint) =>
  Effect.flatMap(makeEdit, (edit) =>
    Deployer.use((deployer) => deployer.register(edit)).pipe(Effect.provide(Deployer.layer(endpoint)))
  )

const brief = (registered: Registered): string => {
  if (registered._tag !== "NotApplied") return registered._tag
  const { forbidden, retryAfter } = registered
  return `NotApplied${forbidden ? " forbidden" : ""}${retryAfter === null ? "" : ` ${retryAfter} ms`}`
}

const conflict = "Enforcing job modify index 1171: job exists with conflicting job modify index: 1187"
const invalid = "1 error occurred:\n\t* Missing job task groups\n\n"
const taken = { ...(recording("register-new") as object), JobModifyIndex: 1182, EvalID: "e" }
const page = `<html>${"x".repeat(100)}</html>`

describe("register: what an answer proves", () => {
  it.effect.each<[status: number, text: string, expected: string, headers?: Record<string, string>]>([
    [200, JSON.stringify(taken), "Accepted"],
    [200, JSON.stringify({ ...taken, EvalID: "" }), "Accepted"],
    [200, JSON.stringify({ ...taken, JobModifyIndex: 1171 }), "Unknown"],
    [200, '{"EvalID":"e","JobMod', "Unknown"],
    [200, page, "Unknown"],
    [400, "Job must be specified", "Rejected"],
    [500, invalid, "Rejected"],
    [500, `rpc error: ${invalid}`, "Rejected"],
    [500, `rpc error: rpc error: 2 errors occurred:\n\t* a\n\t* b\n\n`, "Rejected"],
    [500, 'error in job mutator connect: group "g" …', "Rejected"],
    [500, 'rpc error: cannot update job from type "service" to "batch"', "Rejected"],
    [500, "cannot update periodic job to being non-periodic", "Rejected"],
    [500, "cannot update non-parameterized job to being parameterized", "Rejected"],
    [500, "field 'Dispatched' is read-only", "Rejected"],
    [500, "rpc error: Vault used in the job but missing Vault token", "Rejected"],
    [500, conflict, "Conflict"],
    [500, `rpc error: rpc error: ${conflict}`, "Conflict"],
    [500, "Enforcing job modify index 1171: job does not exist", "Conflict"],
    [403, "Permission denied", "NotApplied forbidden"],
    [401, "Unauthorized", "NotApplied forbidden"],
    [403, "Job registration, dispatch, and scale are disabled by the scheduler configuration", "NotApplied"],
    [429, "Your IP is issuing too many concurrent connections", "NotApplied"],
    [429, "slow down", "NotApplied 7000 ms", { "retry-after": "7" }],
    [429, "slow down", "NotApplied 3600000 ms", { "retry-after": "999999" }],
    [429, "slow down", "NotApplied", { "retry-after": "-1" }],
    [404, "", "NotApplied"],
    [405, "Invalid method", "NotApplied"],
    [413, page, "NotApplied"],
    [500, "No cluster leader", "NotApplied"],
    [500, "rpc error: No cluster leader", "NotApplied"],
    // The Task API's, of an identity that has died, before the call goes anywhere.
    [500, "Server error authenticating request\n", "NotApplied"],
    [500, "no servers", "NotApplied"],
    [500, "rpc error: failed to get conn: dial tcp 127.0.0.1:1: connect: connection refused", "NotApplied"],
    [500, "rpc error: failed to get conn: rpc error: lead thread didn't get connection", "NotApplied"],
    [500, "rpc error: EOF", "Unknown"],
    [500, "leadership lost while committing log", "Unknown"],
    [500, "rpc error: leadership lost while committing log", "Unknown"],
    [500, "node is not the leader", "Unknown"],
    [500, "timed out enqueuing operation", "Unknown"],
    [500, "after a while: No cluster leader", "Unknown"],
    [500, "raft: 1 error occurred: disk", "Unknown"],
    [500, "", "Unknown"],
    [502, page, "Unknown"],
    [503, "No cluster leader", "Unknown"],
    [504, "", "Unknown"],
    [408, "", "Unknown"],
    [302, "", "Unknown", { location: "http://127.0.0.1:1/" }],
    [204, "", "Unknown"]
  ])("S6: %s %s is %s", ([status, text, expected, headers]) =>
    Effect.gen(function* () {
      const { endpoint, asked } = yield* nomadScript(serving({ status, text, ...(headers && { headers }) }))
      assert.strictEqual(brief(yield* registerAt(endpoint)), expected)
      assert.strictEqual(asked.filter(({ method }) => method === "POST").length, 1, "it is sent once")
    })
  )

  it.effect("says what it means that the Task API refuses the identity", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(
        serving({ status: 500, text: "Server error authenticating request\n" })
      )
      assert.deepInclude(yield* registerAt(endpoint), {
        words:
          "Server error authenticating request: the identity of this task has expired or ended with its allocation, or Nomad's servers do not answer"
      })
    })
  )

  it.effect.each<[what: string, text: string, expected: string]>([
    [
      "on one line",
      "rpc error: 1 error occurred:\n\t* Task group g validation failed: 1 error occurred:\n\t* bad\n\n",
      "1 error occurred: * Task group g validation failed: 1 error occurred: * bad"
    ],
    [
      "without what it quotes that looks like a secret",
      '1 error occurred:\n\t* invalid env "DB_PASSWORD=hunter2"\n\n',
      '1 error occurred: * invalid env "DB_PASSWORD=…'
    ],
    [
      "control characters escaped",
      "1 error occurred:\n\t* name \u0000\u202E\n",
      "1 error occurred: * name \\u{0}\\u{202e}"
    ],
    [
      "at most 2000 characters",
      `1 error occurred:\n${"x".repeat(3_000)}`,
      `1 error occurred: ${"x".repeat(1_981)}…`
    ]
  ])("X15: X6: Nomad's words: %s", ([, text, expected]) =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(serving({ status: 500, text }))
      const registered = yield* registerAt(endpoint)
      assert.deepStrictEqual(registered, { _tag: "Rejected", words: expected })
    })
  )

  it.effect("the errors that a real agent gave are Rejected or a Conflict", () =>
    Effect.gen(function* () {
      const errors = recording("errors") as ReadonlyArray<{
        readonly method: string
        readonly path: string
        readonly status: number
        readonly body: string
      }>
      const registers = errors.filter(({ method, path }) => method === "POST" && path === "/v1/jobs")
      assert.isAbove(registers.length, 10)
      for (const { status, body } of registers) {
        const { endpoint } = yield* nomadScript(serving({ status, text: body }))
        const expected = body.startsWith("Enforcing") ? "Conflict" : "Rejected"
        assert.strictEqual(brief(yield* registerAt(endpoint)), expected, body)
      }
    })
  )

  it.effect("Accepted has the index and the evaluation, words are Nomad's", () =>
    Effect.gen(function* () {
      const accepted = yield* nomadScript(serving({ json: taken }))
      assert.deepStrictEqual(yield* registerAt(accepted.endpoint), {
        _tag: "Accepted",
        nomadIndex: 1182,
        evalId: "e"
      })
      const parent = yield* nomadScript(serving({ json: { ...taken, EvalID: "" } }))
      assert.deepInclude(yield* registerAt(parent.endpoint), { evalId: null })
      const refused = yield* nomadScript(serving({ status: 500, text: `rpc error: ${invalid}` }))
      assert.deepInclude(yield* registerAt(refused.endpoint), {
        words: "1 error occurred: * Missing job task groups"
      })
      const forbidden = yield* nomadScript(serving({ status: 403, text: "Permission denied" }))
      assert.deepInclude(yield* registerAt(forbidden.endpoint), {
        words: `Nomad answered "Permission denied": the token needs register-job (submit-job before Nomad 1.11.2) in namespace "default"`
      })
    })
  )

  it.effect.each<[string, Said, string]>([
    ["a reset after the request", { act: (response) => response.destroy() }, "Unknown"],
    [
      "an answer that ends before its length",
      {
        act: (response) => {
          response.writeHead(200, { "content-length": "500" })
          response.write(JSON.stringify(taken), () => response.destroy())
        }
      },
      "Unknown"
    ]
  ])("S6: %s", ([, said, expected]) =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(serving(said))
      assert.strictEqual(brief(yield* registerAt(endpoint)), expected)
    })
  )

  it.effect.each<[string, string]>([
    ["nobody listens", "http://127.0.0.1:1"],
    ["no such socket", "unix:///nonexistent/api.sock"],
    ["no such host", "http://nomad.invalid:4646"]
  ])("S6: %s proves that nothing was applied", ([, address]) =>
    Effect.map(registerAt(endpointAt(new URL(address))), (registered) =>
      assert.strictEqual(brief(registered), "NotApplied")
    )
  )

  it.effect("S6: a TLS handshake that fails proves that nothing was applied", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(serving({ json: taken }))
      const address = new URL(`https://127.0.0.1:${endpoint.address.port}`)
      assert.strictEqual(brief(yield* registerAt(endpointAt(address))), "NotApplied")
    })
  )

  it.effect("the 429 that a listener sends before it reads is NotApplied", () =>
    Effect.gen(function* () {
      const [tooMany] = recording("errors-unavailable") as readonly [{ readonly raw: string }]
      const server = createServer((socket) => {
        socket.on("error", () => {})
        // Nomad does not read; the request is let in so that the kernel does not turn the close into a reset.
        socket.once("data", () => socket.end(tooMany.raw))
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      assert.strictEqual(
        brief(yield* registerAt(endpointAt(new URL(`http://127.0.0.1:${port}`)))),
        "NotApplied"
      )
    })
  )

  /** A server that takes the register and never answers; both ends of its silence can be seen. */
  const silent = Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const left = yield* Deferred.make<void>()
    const { endpoint } = yield* nomadScript(
      serving({
        act: (response) => {
          Deferred.doneUnsafe(begun, Effect.void)
          response.on("close", () => Deferred.doneUnsafe(left, Effect.void))
        }
      })
    )
    return { endpoint, begun: Deferred.await(begun), left: Deferred.await(left) }
  })

  // The deployer outlives the call: closing it would close its connections too.
  it.effect("S6, L6: no answer within 10 seconds is Unknown, and the connection is closed", () =>
    Effect.gen(function* () {
      const { endpoint, begun, left } = yield* silent
      const edit = yield* makeEdit
      yield* Effect.gen(function* () {
        const deployer = yield* Deployer
        const call = yield* Effect.forkChild(deployer.register(edit))
        yield* begun
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Fiber.join(call), {
          _tag: "Unknown",
          words: "no answer within 10 seconds"
        })
        yield* left
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("S6: one that gets no turn, for calls of its namespace that hang, was not sent", () =>
    Effect.gen(function* () {
      const full = yield* Deferred.make<void>()
      const { endpoint, asked } = yield* nomadScript(() => {
        if (asked.length === 8) Deferred.doneUnsafe(full, Effect.void)
        return { act: () => undefined }
      })
      const edit = yield* makeEdit
      yield* Effect.gen(function* () {
        const deployer = yield* Deployer
        const other = deployer.register(edit)
        for (let n = 0; n < 8; n++) yield* Effect.forkChild(other)
        yield* Deferred.await(full)
        const call = yield* Effect.forkChild(deployer.register(edit))
        yield* TestClock.adjust("5 seconds")
        const registered = yield* Fiber.join(call)
        assert.strictEqual(brief(registered), "NotApplied")
        assert.include(registered, {
          words: "not sent within 5 seconds: other calls in its namespace wait for their answers"
        })
        assert.lengthOf(asked, 8)
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("S15: an interruption aborts the register", () =>
    Effect.gen(function* () {
      const { endpoint, begun, left } = yield* silent
      const edit = yield* makeEdit
      yield* Effect.gen(function* () {
        const deployer = yield* Deployer
        const call = yield* Effect.forkChild(deployer.register(edit))
        yield* begun
        yield* Fiber.interrupt(call)
        yield* left
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )
})
