import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fastDirectory } from "../real/fastDirectory.ts"
import { type Command, root } from "./Document.ts"
import { type Ended, Shell } from "./Shell.ts"

/** How a command ends that does what its document says. */
export interface Expected {
  /** What it shows, within 30 seconds. */
  readonly shows: RegExp | undefined
  /** It is refused, with those words. */
  readonly isRefused: boolean
}

const inPlaceOfGit = new Set([".git", "data", "data.sock", "dist"])
const copied = new Set(["config", "package-lock.json"])

/** What git would check out, with what `npm ci` would install. */
const likeClone = (clone: string): void => {
  mkdirSync(clone)
  for (const name of readdirSync(root)) {
    if (copied.has(name)) cpSync(join(root, name), join(clone, name), { recursive: true })
    else if (!inPlaceOfGit.has(name)) symlinkSync(join(root, name), join(clone, name))
  }
  rmSync(join(clone, "config/staging.toml"), { force: true })
  // Older than what is installed, whose folder is not ours to install into.
  utimesSync(join(clone, "package-lock.json"), 0, 0)
}

/** Beside the clone, and so beside what a command may find. */
const logOf = (name: string): string => `../${name.replaceAll(/\W+/g, "_").slice(0, 100)}.log`

/** Somebody who types the commands of the documents, one after the other, in a clone of their own. */
export class Reader {
  readonly #folder = mkdtempSync(join(fastDirectory(), "rw-readme-"))
  readonly #clone = join(this.#folder, "registrywatcher")
  /** Process groups of the commands that stay. */
  readonly #terminals = new Map<string, number>()
  readonly shell: Shell

  constructor(isApart: boolean) {
    likeClone(this.#clone)
    const home = join(this.#folder, "home")
    mkdirSync(home)
    // A refusal fails the command.
    writeFileSync(join(home, ".curlrc"), "fail-with-body\nno-progress-meter\nmax-time = 15\n")
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      LANG: "C.UTF-8",
      npm_config_update_notifier: "false"
    }
    this.shell = new Shell(this.#clone, env, isApart)
  }

  /** Types it, again and again until it shows what is expected; fails with what it said, and what the terminals say. */
  async follow({ text, place }: Omit<Command, "name">, { shows, isRefused }: Expected): Promise<void> {
    const deadline = performance.now() + 30_000
    for (;;) {
      const ended = await this.shell.run(text)
      const isSo = (ended.exitCode === 0) !== isRefused && (shows === undefined || shows.test(ended.output))
      if (isSo) return
      if (shows === undefined || performance.now() > deadline) throw this.#failure(text, place, ended)
      await pause(100)
    }
  }

  /** Types a command that stays, and waits until `url` answers. */
  async begin({ name, text, place }: Command, url: string): Promise<void> {
    const group = await this.shell.begin(text, logOf(name))
    this.#terminals.set(name, group)
    const isThere = `until curl -s ${url} >/dev/null; do kill -0 -- -${group} || exit 1; sleep 0.05; done`
    const ended = await this.shell.run(`( ${isThere} )`)
    if (ended.exitCode !== 0) throw this.#failure(text, place, ended)
  }

  /** Types a command that goes on writing, until it wrote that. */
  async watch({ name, text, place }: Command, shows: RegExp): Promise<void> {
    const group = await this.shell.begin(text, logOf(name))
    const written = () => readFileSync(join(this.#clone, logOf(name)), "utf8")
    const deadline = performance.now() + 15_000
    while (!shows.test(written()) && performance.now() < deadline) await pause(50)
    await this.shell.interrupt(group)
    if (!shows.test(written())) throw this.#failure(text, place, { exitCode: 0, output: written() })
  }

  /** Ctrl-C in the terminal where it stays. */
  async interrupt(name: string): Promise<void> {
    const group = this.#terminals.get(name)
    this.#terminals.delete(name)
    if (group !== undefined) await this.shell.interrupt(group)
  }

  async end(): Promise<void> {
    if (!this.shell.isHung) for (const name of this.#terminals.keys()) await this.interrupt(name)
    await this.shell.end()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #failure(text: string, place: string, { exitCode, output }: Ended): Error {
    const said = [...this.#terminals.keys()].map(
      (name) => `${name}:\n${readFileSync(join(this.#clone, logOf(name)), "utf8").slice(-2000)}`
    )
    return new Error(`${place}: ${text}\nended with ${exitCode}:\n${output}\n${said.join("\n")}`)
  }
}
