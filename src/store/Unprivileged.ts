import { execFileSync } from "node:child_process"
import { chownSync, mkdirSync } from "node:fs"

/** How a program is run that refuses to run as root. */
export interface Unprivileged {
  /** The command and its arguments as they are to be spawned, with these options. */
  command(file: string, args: ReadonlyArray<string>): readonly [file: string, args: ReadonlyArray<string>]
  readonly options: { readonly cwd: "/"; readonly uid?: number; readonly gid?: number }
  /** Makes a directory that this user owns and nobody else may enter. */
  own(directory: string): void
}

const make = (directory: string): void => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
}
const idOf = (flag: "-u" | "-g", user: string): number =>
  Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }))

/** The system's `postgres`, else `nobody`: the server looks its user up, so it must be one that exists. */
const someUser = (): { readonly uid: number; readonly gid: number } => {
  for (const user of ["postgres", "nobody"]) {
    try {
      return { uid: idOf("-u", user), gid: idOf("-g", user) }
    } catch {
      // No such user: the next.
    }
  }
  return { uid: 65_534, gid: 65_534 }
}

/**
 * As whoever we are, or, as root, as another user. That one may read and enter what root may, where `setpriv` of
 * util-linux can give it: a checkout under `/root` has its binaries and its data behind a closed door.
 */
export const unprivileged = (): Unprivileged => {
  if (process.getuid?.() !== 0)
    return { command: (file, args) => [file, args], options: { cwd: "/" }, own: make }
  const { uid, gid } = someUser()
  const own = (directory: string): void => {
    make(directory)
    chownSync(directory, uid, gid)
  }
  const enter = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
  const become = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...enter, "--"]
  try {
    execFileSync("setpriv", [...become, "true"], { stdio: "ignore" })
    return { command: (file, args) => ["setpriv", [...become, file, ...args]], options: { cwd: "/" }, own }
  } catch {
    return { command: (file, args) => [file, args], options: { cwd: "/", uid, gid }, own }
  }
}
