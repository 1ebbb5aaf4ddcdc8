// `npm run bench -- latency`: from the end of a push to the register that Nomad took, by the shipped entry as a process,
// on a real docker-registry and a real Postgres; beside it the calls that cannot be spared, by undici alone.
import { Effect, Layer } from "effect"
import { randomInt } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { Pool } from "undici"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { buildImage } from "../../src/sim/registry/image.ts"
import type { Controller } from "../e2e/Controller.ts"
import { until } from "../e2e/until.ts"
import { push } from "../real/wire.ts"
import { type Fleet, layerNomad, makeFleet, progress } from "./Fleet.ts"
import { quick } from "./quick.ts"
import { percentiles, report, type Row } from "./report.ts"

const pushes = quick ? 2 : 200
/** Pushed to in turn: a rollout is over before its repository has its turn again. */
const repositories = quick ? 2 : 20
const intervalMillis = 1000

/** Simulator and pusher are this process: one clock, in whole milliseconds. */
const nowMillis = () => performance.timeOrigin + performance.now()

/** Of one way to learn of a push: how long it took each time, and how long pushing took. */
interface Measured {
  readonly latency: ReadonlyArray<number>
  readonly pushing: ReadonlyArray<number>
}

interface Way {
  readonly interval: string
  /** How many repositories have a push under way at once. */
  readonly lanes: number
  /** Before a push: polls come in step with nothing. */
  readonly wait: () => Promise<unknown>
  /** After it, as a registry's webhook would. */
  readonly tell: (controller: Controller, repository: string) => Promise<unknown>
}

const polled: Way = {
  interval: `${intervalMillis}ms`,
  lanes: 4,
  wait: () => pause(randomInt(intervalMillis)),
  tell: async () => {}
}

const told: Way = {
  interval: "1h",
  lanes: 1,
  wait: async () => {},
  tell: async ({ url }, repository) => {
    const { ok, status } = await fetch(`${url}/v1/repositories/${repository}/check`, { method: "POST" })
    if (!ok) throw new Error(`check: ${status}`)
  }
}

const isInSync = async ({ url }: Controller, repository: string): Promise<boolean> => {
  const answer = await fetch(`${url}/v1/repositories/${repository}`)
  const { decision } = (await answer.json()) as { readonly decision: { readonly decision: string } | null }
  return decision?.decision === "in_sync"
}

const measure = Effect.fnUntraced(function* (way: Way) {
  const nomad = yield* NomadSimulator
  const fleet = yield* makeFleet({
    repositories,
    tags: 1,
    interval: way.interval,
    apart: true,
    durable: true
  })
  const latency: Array<number> = []
  const pushing: Array<number> = []

  /** When Nomad took the first register of a job since then; both in milliseconds since 1970. */
  const takenAt = async (job: string, since: number): Promise<number> => {
    let at = Number.NaN
    await until(`${job} to be registered`, async () => {
      const registers = await Effect.runPromise(nomad.registers)
      at = registers.find((register) => register.job === job && register.at >= since)?.at ?? Number.NaN
      return !Number.isNaN(at)
    })
    return at
  }

  yield* Effect.promise(async () => {
    progress(`${pushes} pushes, polled every ${way.interval}`)
    const controller = await fleet.start("controller")
    await fleet.inSync()
    let left = pushes
    const lane = async (names: ReadonlyArray<string>): Promise<void> => {
      for (let turn = 0; left > 0; turn++) {
        const n = left--
        const repository = names[turn % names.length] ?? ""
        await until(`${repository} to be in sync`, () => isInSync(controller, repository))
        await way.wait()
        const began = nowMillis()
        const image = buildImage(`push ${n}`)
        await Effect.runPromise(
          push({ origin: fleet.registry }, `bench/${repository}`, `v1.${turn + 1}.0`, image)
        )
        const pushed = nowMillis()
        await way.tell(controller, repository)
        pushing.push(pushed - began)
        latency.push((await takenAt(repository, Math.floor(began))) - pushed)
      }
    }
    const lanes = Math.min(way.lanes, repositories)
    await Promise.all(
      Array.from({ length: lanes }, (_, first) => lane(fleet.names.filter((_, n) => n % lanes === first)))
    )
    await controller.stop()
  })
  return { fleet, measured: { latency, pushing } satisfies Measured }
})

const call = async (pool: Pool, method: "GET" | "POST", path: string, body: string | null = null) => {
  const answer = await pool.request({ method, path, body })
  if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode}`)
  return (await answer.body.json()) as Record<string, unknown>
}

/** What any controller must do once it knows of a push: list the tags, read the job, register it. */
const bareCalls = async (fleet: Fleet, nomad: string): Promise<ReadonlyArray<number>> => {
  const registry = new Pool(fleet.registry)
  const jobs = new Pool(nomad)
  const times: Array<number> = []
  for (let n = -5; n < pushes; n++) {
    const began = performance.now()
    await call(registry, "GET", `/v2/bench/${fleet.names[0]}/tags/list`)
    const job = await call(jobs, "GET", "/v1/job/bare")
    const body = {
      Job: { ...job, Meta: { n: String(n) } },
      EnforceIndex: true,
      JobModifyIndex: job["JobModifyIndex"]
    }
    await call(jobs, "POST", "/v1/jobs", JSON.stringify(body))
    if (n >= 0) times.push(performance.now() - began)
    await pause(20)
  }
  await Promise.all([registry.close(), jobs.close()])
  return times
}

const rowsOf = (
  what: string,
  values: ReadonlyArray<number>,
  ceiling?: ReturnType<typeof percentiles>
): ReadonlyArray<Row> =>
  Object.entries(percentiles(values)).map(([share, value]) => ({
    what: `${what}, ${share}`,
    value,
    unit: "ms",
    ...(ceiling && { ceiling: ceiling[share as keyof typeof ceiling] })
  }))

const program = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  yield* nomad.register(sampleJob({ id: "bare", image: "bare:1", task: "app" }))
  const check = yield* Effect.scoped(measure(told))
  const poll = yield* Effect.gen(function* () {
    const { fleet, measured } = yield* measure(polled)
    progress(`${pushes} times the bare calls`)
    const bare = yield* Effect.promise(() => bareCalls(fleet, nomad.url))
    return { ...measured, bare }
  }).pipe(Effect.scoped)
  const bare = percentiles(poll.bare)
  // Half an interval in the middle and a whole one, which is jittered, at most: it cannot be known earlier.
  const waiting = {
    p50: bare.p50 + intervalMillis / 2,
    p99: bare.p99 + intervalMillis,
    max: bare.max + intervalMillis
  }
  report("latency", [
    ...rowsOf("push → register, by POST …/check", check.measured.latency, bare),
    ...rowsOf("push → register, polled every second", poll.latency, waiting),
    ...rowsOf("the push itself", [...check.measured.pushing, ...poll.pushing])
  ])
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layerNomad.pipe(Layer.orDie))))
