// `npm run e2e [-- NAME…]`: the shipped entry as real processes against a real docker-registry, a real Postgres, and Nomad
// over HTTP: the simulator, or the agent at NOMAD_ADDR, of this machine, whose docker driver runs images for x64. Prints
// one line a scenario; exits 1 if one failed.
import { Cause, Effect, Exit, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { inspect } from "node:util"
import { byTag, NomadSimulator, tagOf } from "../../src/sim/NomadSimulator.ts"
import { dockerRegistry } from "../real/dockerRegistry.ts"
import { postgresFolder, startPostgres } from "../real/postgresServer.ts"
import { type Scenario, scenarios } from "./scenarios.ts"
import { badTags, type Parts, World } from "./World.ts"

const atOnce = 3

const play =
  (parts: Parts) =>
  ({ name, sentence, play }: Scenario) =>
    Effect.promise(async () => {
      const began = performance.now()
      const world = new World(name, parts)
      const error = await play(world).then(
        () => undefined,
        (cause: unknown) => cause
      )
      const output = await world.end()
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      const registers = world.registered.length
      process.stdout.write(
        `${error === undefined ? "ok  " : "FAIL"} ${name.padEnd(16)} ${seconds.padStart(6)} s  ${registers} registers  ${sentence}\n`
      )
      if (error !== undefined) process.stdout.write(`${output}\n${inspect(error)}\n`)
      return error === undefined
    })

const nomad = Effect.gen(function* () {
  const address = process.env["NOMAD_ADDR"]
  if (address !== undefined) return { url: address, isAgent: true, what: `the agent at ${address}` }
  const { url } = yield* NomadSimulator
  return { url, isAgent: false, what: "the simulator" }
})

const program = Effect.gen(function* () {
  const chosen = process.argv.slice(2)
  const named = scenarios.filter(({ name }) => chosen.length === 0 || chosen.includes(name))
  if (chosen.length > named.length) {
    process.stdout.write(`npm run e2e [-- NAME…]\n\n`)
    for (const { name, sentence } of scenarios) process.stdout.write(`${name.padEnd(16)} ${sentence}\n`)
    return chosen.includes("--help")
  }
  const { origin } = yield* dockerRegistry()
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const running = await startPostgres(postgresFolder())
      return running ?? Promise.reject(new Error("there is no Postgres to run"))
    }),
    ({ stop }) => Effect.promise(stop)
  )
  const { url, isAgent, what } = yield* nomad
  const played = named.filter(({ notOnAgent }) => !isAgent || notOnAgent === undefined)
  process.stdout.write(`docker-registry at ${origin.host}, Postgres ${postgres.what}, Nomad: ${what}\n`)
  const makeDatabase = async (name: string): Promise<void> =>
    void execFileSync("psql", ["-XAtq", "-c", `create database ${name}`, `${postgres.url}/postgres`])
  for (const { name, notOnAgent } of named)
    if (isAgent && notOnAgent !== undefined)
      process.stdout.write(`NOT RUN ${name}: on a real agent: ${notOnAgent}\n`)
  const parts: Parts = { registry: origin, nomad: url, isAgent, postgres: postgres.url, makeDatabase }
  const passed = yield* Effect.forEach(played, play(parts), { concurrency: atOnce })
  const failed = passed.filter((isOk) => !isOk).length
  process.stdout.write(`${passed.length - failed} passed, ${failed} failed\n`)
  return failed === 0
})

const outcome: typeof byTag = (start) =>
  badTags.has(tagOf(start.image)) ? { _tag: "NeverHealthy" } : byTag(start)

const exit = await Effect.runPromiseExit(
  program.pipe(Effect.scoped, Effect.provide(NomadSimulator.layer({ outcome }).pipe(Layer.orDie)))
)
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
process.exitCode = Exit.isSuccess(exit) && exit.value ? 0 : 1
