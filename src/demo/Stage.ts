import { Context, Effect, Layer, type Scope } from "effect"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NomadSimulator, sampleJob } from "../sim/NomadSimulator.ts"
import { RegistrySimulator } from "../sim/RegistrySimulator.ts"
import { embeddedPostgres } from "../store/embeddedPostgres.ts"
import { DemoError, until } from "./DemoError.ts"
import { type Instance, startInstance } from "./Instance.ts"

/** Follows versions, from the first one on. */
export const follower = "api"
/** Pinned to `stable`, which is overwritten. */
export const pinned = "web"
export const repositories = [follower, pinned] as const

/** Everything that runs, at addresses that the system chose. */
export interface Stage {
  readonly folder: string
  readonly registry: RegistrySimulator["Service"]
  readonly nomad: NomadSimulator["Service"]
  /** A URL for libpq: the server listens on a unix socket in the folder. */
  readonly database: string
  readonly instances: ReadonlyArray<Instance>
}

const firstTags = { [follower]: "v0.9.0", [pinned]: "stable" } as const

const toDemoError = ({ message }: { readonly message: string }) => new DemoError({ message })

const configuration = (registry: URL) => `server_listening_address = "127.0.0.1:0"
poll_interval = "1s"
watched_repositories = ${JSON.stringify(repositories)}

[registry_map.local]
registry_scheme = "http"
registry_domain = "${registry.host}"

${repositories
  .map((name) => `[repo_map.${name}]\nregistry_name = "local"\nnomad_job_name = "${name}"\n`)
  .join("\n")}`

/** A job for each repository, which runs its first image as people write it: without a digest. */
const firstJobs = Effect.fnUntraced(function* (
  registry: RegistrySimulator["Service"],
  nomad: NomadSimulator["Service"]
) {
  for (const name of repositories) {
    yield* registry.push(name, firstTags[name], `the first ${name}`)
    const image = `${registry.origin.host}/${name}:${firstTags[name]}`
    yield* Effect.orDie(nomad.register(sampleJob({ id: name, image, minHealthyTime: 500 })))
  }
  for (const name of repositories) {
    const stable = Effect.map(nomad.job("default", name), (job) => (job?.Stable === true ? true : undefined))
    yield* until(`the job ${name} to run`, stable)
  }
})

/**
 * Starts all of it, and ends all of it with the scope: processes, ports and the folder.
 *
 * @param say - hears what is being started
 */
export const setStage = Effect.fnUntraced(function* (
  say: (words: string) => Effect.Effect<void>
): Effect.fn.Return<Stage, DemoError, Scope.Scope> {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "registrywatcher-demo-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  // As root, Postgres runs as another user, who has to come past it to its own.
  chmodSync(folder, 0o711)
  yield* say("starting a registry and a Nomad cluster, in memory")
  const built = yield* Layer.build(Layer.mergeAll(RegistrySimulator.layer(), NomadSimulator.layer())).pipe(
    Effect.mapError(toDemoError)
  )
  const registry = Context.get(built, RegistrySimulator)
  const nomad = Context.get(built, NomadSimulator)
  yield* say("starting a Postgres, with its data in a folder that goes with it")
  const [{ connection }] = yield* Effect.all(
    [embeddedPostgres(join(folder, "data")), firstJobs(registry, nomad)],
    { concurrency: "unbounded" }
  ).pipe(Effect.mapError(toDemoError))
  const socket = encodeURIComponent(String(connection.host))
  const database = `postgresql://postgres@/postgres?host=${socket}&port=${connection.port}`
  yield* say("starting two instances of the controller on it")
  const config = join(folder, "demo.toml")
  writeFileSync(config, configuration(registry.origin))
  const parts = { config, database, nomad: nomad.url }
  const instances = yield* Effect.forEach(["a", "b"], (name) => startInstance({ ...parts, name }), {
    concurrency: "unbounded"
  })
  return { folder, registry, nomad, database, instances }
})
