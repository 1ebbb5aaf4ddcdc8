// `node test/bench/sweep.ts [--quick]`: 1,000 repositories of 100 tags on a real docker-registry, swept by the shipped
// entry as a process, beside the same requests by undici alone and by `ab`.
import { Effect, Layer } from "effect"
import { setTimeout as pause } from "node:timers/promises"
import { bareUndici, apacheBench } from "./ceilings.ts"
import { layerNomad, makeFleet, progress } from "./Fleet.ts"
import { processUse } from "./processUse.ts"
import { quick } from "./quick.ts"
import { report, type Row } from "./report.ts"

const size = quick
  ? { repositories: 5, tags: 3, seconds: 1, sweeps: 1 }
  : { repositories: 1000, tags: 100, seconds: 10, sweeps: 3 }

const program = Effect.gen(function* () {
  const { repositories, seconds, sweeps } = size
  const fleet = yield* makeFleet({ ...size, interval: `${seconds}s` })
  yield* Effect.promise(async () => {
    progress("the first sweep: every listing is written down")
    const atFirst = await fleet.registryRequests()
    const began = performance.now()
    const controller = await fleet.start("controller")
    const started = processUse(controller.pid)
    await fleet.inSync()
    const first = {
      seconds: (performance.now() - began) / 1000,
      cpu: processUse(controller.pid).cpu - started.cpu,
      requests: (await fleet.registryRequests()) - atFirst
    }
    const answers = async () => {
      const text = await (await fetch(`${controller.url}/metrics`)).text()
      return Number(/^registrywatcher_registry_polls_total\{.*result="answered".*\} (\d+)$/m.exec(text)?.[1])
    }
    progress("one sweep to warm up")
    await pause(seconds * 1100)
    const look = async () => ({
      requests: await fleet.registryRequests(),
      answers: await answers(),
      use: processUse(controller.pid)
    })
    progress(`${sweeps} sweeps, one in ${seconds} s`)
    const before = await look()
    await pause(seconds * 1000 * sweeps)
    const after = await look()
    await controller.stop()

    const swept = after.answers - before.answers
    const cpu = (after.use.cpu - before.use.cpu) / swept
    progress("the same by undici alone: at the same pace, then 8 at once")
    const paced = await bareUndici(fleet.registry, repositories, seconds, sweeps)
    const burst = await bareUndici(fleet.registry, repositories, 0, sweeps)
    progress("the same by ab")
    const ab = await apacheBench(fleet.registry, repositories * sweeps)
    const rows: Array<Row> = [
      {
        what: "requests an answer",
        value: (after.requests - before.requests) / swept,
        unit: "requests",
        ceiling: 1
      },
      {
        what: "CPU an answer, undici at the same pace",
        value: cpu,
        unit: "ms",
        ceiling: paced.cpu / paced.requests
      },
      {
        what: "CPU an answer, undici 8 at once",
        value: cpu,
        unit: "ms",
        ceiling: burst.cpu / burst.requests
      },
      ...(ab === null ? [] : [{ what: "CPU an answer, ab 8 at once", value: cpu, unit: "ms", ceiling: ab }]),
      { what: "resident", value: after.use.resident, unit: "MiB", ceiling: paced.resident },
      { what: "resident at most", value: after.use.peak, unit: "MiB", ceiling: paced.peak },
      { what: "first sweep: requests a repository", value: first.requests / repositories, unit: "requests" },
      { what: "first sweep: CPU a repository", value: first.cpu / repositories, unit: "ms" },
      { what: "first sweep: until all in sync", value: first.seconds, unit: "s" }
    ]
    report("sweep", rows)
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layerNomad.pipe(Layer.orDie))))
