import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { lastLine, plainLine } from "../../src/deployer/nomad/plainLine.ts"
import { attemptA } from "./jobs.ts"
import { nomadScript, type Said } from "./NomadScript.ts"
import { allocation, attempt, copyOf, deployment, following, say, serving, v0, v1 } from "./world.ts"

const exited = {
  t: {
    State: "dead",
    Failed: true,
    StartedAt: null,
    Restarts: 0,
    Events: [{ Type: "Terminated", Time: 1, Details: { exit_code: "1" } }]
  }
}
const pullFailed = {
  t: {
    ...exited.t,
    Events: [
      { Type: "Driver Failure", Time: 1, Details: { driver_error: "Failed to pull `x`: manifest unknown" } }
    ]
  }
}
const world = (logs: Readonly<Record<string, Said>>, TaskStates: unknown = exited) => ({
  versions: [copyOf(v0, 2, 1187), v1, v0],
  deployments: [deployment("deployment-failed-rolled-back", 1, 1182)],
  allocations: [allocation({ ClientStatus: "failed", TaskStates })],
  logs
})
const ok = (text: string): Said => ({ status: 200, text })
const said = (words: string) =>
  `reverted (image) v1 to g/t=registry.example.com:5000/team/api:1.2.3: ${words} (Nomad: Failed due to unhealthy allocations - rolling back to job version 0)`

describe("what a task said last", () => {
  it.effect.each<[string, Readonly<Record<string, Said>>, string]>([
    [
      "stderr",
      { stderr: ok("starting\n\u001B[31mpanic: no database\u001B[0m\n\n"), stdout: ok("hello\n") },
      "task t: exited 1; last line of stderr: panic: no database"
    ],
    [
      "stdout where stderr is empty",
      { stderr: ok("\n \n"), stdout: ok("bye") },
      "task t: exited 1; last line of stdout: bye"
    ],
    ["nothing", { stderr: ok(""), stdout: ok("") }, "task t: exited 1"],
    ["no right", { stderr: { status: 403, text: "Permission denied" } }, "task t: exited 1"],
    ["the client is gone", { stderr: { status: 404, text: "No path to node" } }, "task t: exited 1"],
    ["a reset", { stderr: { act: (response) => response.destroy() } }, "task t: exited 1"],
    ["X13: more than was asked for", { stderr: ok("x\n".repeat(40_000)) }, "task t: exited 1"]
  ])("%s", ([, logs, expected]) =>
    Effect.map(following(world(logs), attempt()), (told) =>
      assert.deepStrictEqual(told.said, [said(expected)])
    )
  )

  it.effect("is asked for in few bytes, of the allocation and task that ended", () =>
    Effect.map(following(world({ stderr: ok("x") }), attempt({ region: "eu" })), ({ asked }) =>
      assert.deepStrictEqual(asked.slice(-1), [
        "/v1/client/fs/logs/a?region=eu&namespace=default&task=t&type=stderr&plain=true&origin=end&offset=4096"
      ])
    )
  )

  it.effect("is not asked for where the task never ran", () =>
    Effect.map(following(world({}, pullFailed), attempt()), (told) => {
      assert.deepStrictEqual(told.said, [said("task t: image pull failed: manifest unknown")])
      assert.deepStrictEqual(
        told.asked.filter((url) => url.includes("/logs/")),
        []
      )
    })
  )

  it.effect("L6: a client that does not answer costs three seconds, and the end is told", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const { endpoint } = yield* nomadScript((one) =>
        one.url.includes("/fs/logs/")
          ? { act: () => Effect.runSync(Deferred.succeed(asked, undefined)) }
          : serving(() => world({}))(one)
      )
      const told = yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const looking = yield* Effect.forkChild(deployer.progress([attempt()]))
          yield* Deferred.await(asked)
          yield* TestClock.adjust("3 seconds")
          return yield* Fiber.join(looking)
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.strictEqual(say(told.get(attemptA)), said("task t: exited 1"))
    })
  )
})

describe("X15: text of others as one line", () => {
  it.each<[string, string, string]>([
    ["line ends", "a\r\n\tb\u2028c", "a b c"],
    ["colours", "\u001B[1;31mred\u001B[0m", "red"],
    ["a window's title", "\u001B]0;title\u0007x", "x"],
    ["control characters", "a\u0000b\u0008c", "a\\u{0}b\\u{8}c"],
    ["what turns the text around", "a\u202Eb", "a\\u{202e}b"],
    ["half a character", "a\uD800", "a\\u{d800}"],
    ["letters of the world stay", "größe 日本 🚀", "größe 日本 🚀"],
    ["long text", "x".repeat(301), `${"x".repeat(299)}…`],
    [
      "a password in an address",
      "dial postgres://app:hunter2@db:5432/x failed",
      "dial postgres://…@db:5432/x failed"
    ],
    ["a password by name", 'bad config: password="hun ter2" user=app', "bad config: password=… user=app"],
    ["a key by name", "API_KEY: abc123, next", "API_KEY: …, next"],
    ["a bearer token", "sent Authorization: Bearer abc.def-123", "sent Authorization: Bearer …"],
    ["a JWT", `token is eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln!`, "token is …!"]
  ])("%s", (_, text, expected) => assert.strictEqual(plainLine(text), expected))

  it("the last line with anything on it", () => {
    assert.strictEqual(lastLine("a\nb\n\u001B[0m\n\n"), "b")
    assert.isUndefined(lastLine("\n \n"))
    assert.isUndefined(lastLine(""))
  })
})
