import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sampleJob } from "../../src/sim/NomadSimulator.ts"
import { buildImage } from "../../src/sim/registry/image.ts"
import { sleepingImage } from "../real/sleepingImage.ts"
import { push } from "../real/wire.ts"
import { Controller, type ControllerOptions, type Ended } from "./Controller.ts"
import { NomadProxy } from "./NomadProxy.ts"
import { until } from "./until.ts"

/** The real parts that all scenarios share. */
export interface Parts {
  readonly registry: URL
  /** Nomad itself, without the proxy. */
  readonly nomad: string
  /** A real agent, which runs what was pushed, in its own time, and is left as it was found. */
  readonly isAgent: boolean
  /** URL of the server, without a database. */
  readonly postgres: string
  readonly makeDatabase: (name: string) => Promise<void>
}

/** How its instances are started, where that is not as `Controller` has it. */
export type Setting = Pick<ControllerOptions, "configuration" | "imports">

/** Tags whose allocations never get healthy, in every repository: the simulator asks here. A real agent can not start them. */
export const badTags = new Set<string>()

/**
 * One scenario's own: a repository with its job, a database, and a proxy in front of Nomad. What it starts it also
 * stops.
 */
export class World {
  readonly name: string
  readonly proxy: NomadProxy
  readonly parts: Parts
  readonly #setting: Setting
  readonly #folder = mkdtempSync(join(tmpdir(), "rw-e2e-"))
  readonly #database = `e2e_${randomUUID().replaceAll("-", "")}`
  readonly #controllers: Array<Controller> = []
  readonly #jobs = new Set<string>()
  #nomad = ""

  constructor(name: string, parts: Parts, setting: Setting = {}) {
    this.name = name
    this.parts = parts
    this.#setting = setting
    this.proxy = new NomadProxy(new URL(parts.nomad))
  }

  /** The tags are pushed in this order, and the job runs the first of them, without a digest, as people write it. */
  async begin(...tags: readonly [string, ...ReadonlyArray<string>]): Promise<void> {
    for (const tag of tags) await this.push(tag)
    await this.beginWith(`${this.image}:${tags[0]}`)
  }

  /** The job runs this image, and those of `others` in further tasks of its group. */
  async beginWith(image: string, others: Parameters<typeof sampleJob>[0]["others"] = []): Promise<void> {
    this.#nomad = await this.proxy.listen()
    await this.parts.makeDatabase(this.#database)
    await this.register(image, others)
    await until("the first deployment", () => this.isStable(this.name))
  }

  /** As somebody else does it: past the proxy. */
  async register(
    image: string,
    others: Parameters<typeof sampleJob>[0]["others"] = [],
    id = this.name
  ): Promise<void> {
    this.#jobs.add(id)
    const real = { minHealthyTime: 2_000, config: { network_mode: "host" } }
    // Long enough to be seen rolling, short enough to wait for.
    const Job = sampleJob({
      id,
      image,
      task: "app",
      others,
      ...(this.parts.isAgent ? real : { minHealthyTime: 300 })
    })
    await this.nomad("POST", "/v1/jobs", { Job })
  }

  get image(): string {
    return `${this.parts.registry.host}/e2e/${this.name}`
  }

  /** Pushes an image of its own content; answers its digest. */
  push(tag: string, content: string = randomUUID(), image = this.name): Promise<string> {
    const built = this.parts.isAgent && !badTags.has(tag) ? sleepingImage(content) : buildImage(content)
    return Effect.runPromise(push({ origin: this.parts.registry }, `e2e/${image}`, tag, built))
  }

  /** With a configuration of its own, if one is given: by the port that it is to listen on. */
  async start(name = "a", configuration?: (port: number) => string): Promise<Controller> {
    const controller = await this.launch(name, configuration)
    await controller.ready()
    return controller
  }

  /** The same, not waited for until it is ready. */
  async launch(name: string, configuration?: (port: number) => string): Promise<Controller> {
    const options = { ...this.#options, ...(configuration && { configuration }) }
    const controller = await Controller.launch(name, options)
    this.#controllers.push(controller)
    return controller
  }

  /** A command of the shipped entry, beside the service. */
  command(args: ReadonlyArray<string>, configuration: (port: number) => string): Promise<Ended> {
    return Controller.command(args, { ...this.#options, configuration })
  }

  get #options() {
    return {
      folder: this.#folder,
      nomad: this.#nomad,
      database: this.database,
      registry: this.parts.registry,
      repositories: [this.name],
      ...this.#setting
    }
  }

  /** A call to Nomad past the proxy. */
  async nomad(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const answer = await fetch(this.parts.nomad + path, init)
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  async job(): Promise<NomadJob> {
    return (await this.nomad("GET", `/v1/job/${this.name}`)) as NomadJob
  }

  /** The newest version of a job of that name is rolled out. */
  async isStable(job: string): Promise<boolean> {
    return ((await this.nomad("GET", `/v1/job/${job}`)) as NomadJob).Stable
  }

  /** What the job's spec says runs. */
  async running(): Promise<string> {
    return (await this.job()).TaskGroups[0]?.Tasks[0]?.Config.image ?? ""
  }

  /** The image as we write it. */
  at(tag: string, digest: string): string {
    return `${this.image}:${tag}@${digest}`
  }

  /** The images of the registers that reached Nomad, in their order. */
  get registered(): ReadonlyArray<string> {
    return this.proxy.of(this.name).flatMap(({ forwarded, images }) => (forwarded ? images : []))
  }

  /** Waits until the job runs this image and its rollout is over. */
  async settled(image: string, seconds = this.parts.isAgent ? 60 : 20): Promise<void> {
    await until(
      `${image} to be rolled out`,
      async () => {
        const { Stable } = await this.job()
        return Stable && (await this.running()) === image
      },
      seconds
    )
  }

  /** Waits until the controller shows a tag, so that it took a view since, and decided on it. */
  async viewed(controller: Controller, tag: string): Promise<void> {
    await until(`${tag} to be seen`, async () => {
      const repos = (await controller.get("/repos")) as Record<
        string,
        { readonly tags: ReadonlyArray<string> }
      >
      return repos[this.name]?.tags.includes(tag) === true
    })
  }

  get database(): string {
    return `${this.parts.postgres}/${this.#database}`
  }

  /** One row of the scenario's database. */
  sql(statement: string): string {
    return execFileSync("psql", ["-XAtq", "-c", statement, this.database]).toString().trim()
  }

  async end(): Promise<string> {
    for (const controller of this.#controllers) await controller.kill()
    this.proxy.close()
    if (this.parts.isAgent)
      for (const id of this.#jobs) await this.nomad("DELETE", `/v1/job/${id}?purge=true`)
    rmSync(this.#folder, { recursive: true, force: true })
    return this.#controllers.map(({ output }) => output).join("\n")
  }
}

export interface NomadJob {
  readonly Version: number
  readonly Stable: boolean
  readonly TaskGroups: ReadonlyArray<{
    readonly Tasks: ReadonlyArray<{ readonly Config: { readonly image: string } }>
  }>
}
