import { assert } from "@effect/vitest"
import { Clock, Effect, Layer, ManagedRuntime } from "effect"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type NomadOptions, NomadSimulator, type Outcome } from "../../../src/sim/NomadSimulator.ts"
import { type AclTarget, caller, type DockerTarget, socketCaller, streamer, type Target } from "./Target.ts"

/** Start of the simulator's virtual time. */
const began = Date.UTC(2026, 0, 1)

/** Never warns: a virtual clock that stands still is what is wanted here. */
const virtualClock = TestClock.layer({ warningDelay: "1 hour" })

/** A simulator on a clock of its own that only `pass` moves. */
const start = async (options: NomadOptions, token: string) => {
  const runtime = ManagedRuntime.make(NomadSimulator.layer(options).pipe(Layer.provideMerge(virtualClock)))
  await runtime.runPromise(TestClock.setTime(began))
  const simulator = await runtime.runPromise(NomadSimulator)
  const onClock = <A>(effect: Effect.Effect<A>) => Effect.promise(() => runtime.runPromise(effect))
  const target: Target = {
    url: simulator.url,
    call: caller(simulator.url, token),
    stream: streamer(simulator.url, token),
    pass: (milliseconds) => onClock(TestClock.adjust(milliseconds)),
    now: onClock(Clock.currentTimeMillis),
    holds: (path) =>
      Effect.gen(function* () {
        for (let tries = 0; tries < 400; tries++) {
          const held = (yield* simulator.requests).some(
            (each) => each.status === null && each.path.includes(path)
          )
          if (held) return
          yield* Effect.sleep("5 millis")
        }
        assert.fail(`no request for ${path} is held`)
      }),
    says: (job, task, what) => {
      const outcome: Outcome =
        what === "never starts"
          ? { _tag: "StartFails", words: "there is no such program" }
          : { _tag: "Exits", code: 3, ...what }
      return simulator.setOutcome({ job, task, outcome })
    },
    stop: () => runtime.dispose()
  }
  return { simulator, target }
}

export const startSimulator = async (): Promise<Target> => (await start({}, "")).target

export const startSimulatorWithAcls = async (): Promise<AclTarget> => {
  const folder = mkdtempSync(join(tmpdir(), "rw-task-api-"))
  const taskApi = join(folder, "api.sock")
  const managementToken = "c0ffee00-0000-4000-8000-000000000001"
  const { simulator, target } = await start({ acl: { managementToken }, taskApi }, managementToken)
  return {
    ...target,
    as: (token) => ({ call: caller(simulator.url, token), stream: streamer(simulator.url, token) }),
    inTask: (allocation, task) =>
      Effect.map(simulator.identity(allocation, task), (token = "") => ({
        token,
        api: (other) => socketCaller(taskApi, other)
      })),
    stop: async () => {
      await target.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export const startSimulatorWithDocker = async (): Promise<DockerTarget> => {
  const { simulator, target } = await start({}, "")
  const registry = "127.0.0.1:5000"
  return {
    ...target,
    registry,
    push: (repository, tag, line) => {
      const digest = `sha256:${createHash("sha256").update(line).digest("hex")}`
      const image = { repository: `${registry}/${repository}`, tag, digest, stdout: `${line}\n` }
      return Effect.as(simulator.pushImage(image), digest)
    }
  }
}
