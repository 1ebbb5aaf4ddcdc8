import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "./until.ts"

/** What a scenario's instances are started with. */
export interface ControllerOptions {
  readonly folder: string
  readonly nomad: string
  /** Undefined: the embedded one, in `data` in the folder. */
  readonly database: string | undefined
  readonly registry: URL
  /** Image paths in the registry; the job of each has its name. */
  readonly repositories: ReadonlyArray<string>
  /** By the port; else one that watches the repositories. */
  readonly configuration?: (port: number) => string
  /** Modules that node loads before ours: what the tests set and the product has no switch for. */
  readonly imports?: ReadonlyArray<string>
  /** Further flags of node itself. */
  readonly flags?: ReadonlyArray<string>
  /** The bundle, where it is not the entry of the sources. */
  readonly entry?: string
}

/** How a command ended. */
export interface Ended {
  readonly exitCode: number | null
  readonly out: string
}

export const entry = new URL("../../src/registrywatcher.mjs", import.meta.url).pathname

/** The shipped entry as a process of its own, spoken to over the classic endpoints. */
export class Controller {
  readonly name: string
  readonly url: string
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>
  #output = ""

  private constructor(name: string, url: string, child: ChildProcess) {
    this.name = name
    this.url = url
    this.#child = child
    this.#exit = new Promise((resolve) => child.once("exit", (code) => resolve(code)))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()))
    }
  }

  /** Started, and not waited for; `name` keeps the files of two instances apart. */
  static async launch(name: string, options: ControllerOptions): Promise<Controller> {
    const port = await freePort()
    const file = join(options.folder, `${name}.toml`)
    writeFileSync(file, options.configuration?.(port) ?? configuration(port, options))
    const imports = (options.imports ?? []).map((module) => `--import=${module}`)
    const flags = [...imports, ...(options.flags ?? [])]
    const child = spawn(process.execPath, [...flags, options.entry ?? entry, "start", "--config", file], {
      env: environment(options),
      ...(options.database === undefined && { cwd: options.folder }),
      stdio: ["ignore", "pipe", "pipe"]
    })
    return new Controller(name, `http://127.0.0.1:${port}`, child)
  }

  /** Asks every so many milliseconds. */
  async ready(every?: number): Promise<void> {
    await until(
      `${this.name} to be ready`,
      async () => {
        if (this.#child.exitCode !== null) throw new Error(`${this.name} ended with ${this.#child.exitCode}`)
        return (await fetch(`${this.url}/health/ready`)).ok
      },
      60,
      every
    ).catch((error: unknown) => {
      this.#child.kill("SIGKILL")
      throw new Error(`${String(error)}\n${this.output}`)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** A command that ends by itself; what it says on stderr is ours to read where it fails. */
  static async command(args: ReadonlyArray<string>, options: ControllerOptions): Promise<Ended> {
    const file = join(options.folder, "command.toml")
    const port = await freePort()
    writeFileSync(file, options.configuration?.(port) ?? configuration(port, options))
    const child = spawn(process.execPath, [entry, ...args, "--config", file], {
      env: environment(options),
      stdio: ["ignore", "pipe", "inherit"]
    })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, out })))
  }

  /** Everything that it printed so far. */
  get output(): string {
    return this.#output
  }

  /** The lines of its log that have this message, as they are. */
  said(message: string): ReadonlyArray<Record<string, unknown>> {
    // What stands behind the last line break may be half a line.
    const lines = this.#output.split("\n").slice(0, -1)
    return lines.flatMap((line) => {
      if (!line.startsWith("{")) return []
      const parsed = JSON.parse(line) as Record<string, unknown>
      return parsed["message"] === message ? [parsed] : []
    })
  }

  async get(path: string): Promise<unknown> {
    return (await fetch(this.url + path)).json()
  }

  /** Plain `curl -d`: no content type. Answers the message, throws where the status is not 200. */
  async post(path: string, body: unknown = {}): Promise<string> {
    const answer = await fetch(this.url + path, { method: "POST", body: JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`)
    return (JSON.parse(text) as { message: string }).message
  }

  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM")
    return this.#exit
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#exit
  }

  /** Stands still until `thaw`, as in a pause of its machine. */
  freeze(): void {
    this.#child.kill("SIGSTOP")
  }

  thaw(): void {
    this.#child.kill("SIGCONT")
  }
}

const environment = ({ nomad, database }: ControllerOptions) => ({
  PATH: process.env["PATH"],
  NOMAD_ADDR: nomad,
  ...passed("NOMAD_TOKEN"),
  ...passed("NODE_COMPILE_CACHE"),
  ...passed("REGISTRYWATCHER_MUTANT"),
  ...(database !== undefined && { DATABASE_URL: database })
})

const passed = (name: string) => (process.env[name] === undefined ? {} : { [name]: process.env[name] })

export const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer()
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Watches these by the jobs of their names, at `registry`/`prefix`/NAME. */
export const configuration = (
  port: number,
  { registry, repositories }: Pick<ControllerOptions, "registry" | "repositories">,
  { interval = "1s", prefix = "e2e" } = {}
): string => `
server_listening_address = "127.0.0.1:${port}"
poll_interval = "${interval}"
watched_repositories = ${JSON.stringify(repositories)}
create_database_schema = true

[registry_map.local]
registry_scheme = "http"
registry_domain = "${registry.host}"
registry_prefix = "${prefix}"

${repositories
  .map(
    (name) => `[repo_map.${name}]
registry_name = "local"
nomad_job_name = "${name}"
nomad_task_name = "app"
`
  )
  .join("\n")}`
