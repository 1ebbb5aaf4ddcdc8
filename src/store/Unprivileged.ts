import { execFileSync } from "node:child_process"
import { chownSync, mkdirSync } from "node:fs"

/** How a program is run that refuses to run as root, and that is to end when we do. */
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

/** The kernel stops the server when we end, however we end; SIGINT is Postgres's fast stop. */
const endsWithUs = "--pdeathsig=INT"

/** How `setpriv` of util-linux runs a program, undefined where it can not. */
const setpriv = (...options: ReadonlyArray<string>): Unprivileged["command"] | undefined => {
  try {
    execFileSync("setpriv", [...options, "--", "true"], { stdio: "ignore" })
    return (file, args) => ["setpriv", [...options, "--", file, ...args]]
  } catch {
    return undefined
  }
}

const plain: Unprivileged["command"] = (file, args) => [file, args]

/**
 * As whoever we are, or, as root, as another user. That one may read and enter what root may, where `setpriv` can
 * give it: a checkout under `/root` has its binaries and its data behind a closed door.
 */
export const unprivileged = (): Unprivileged => {
  if (process.getuid?.() !== 0)
    return { command: setpriv(endsWithUs) ?? plain, options: { cwd: "/" }, own: make }
  const { uid, gid } = someUser()
  const own = (directory: string): void => {
    make(directory)
    chownSync(directory, uid, gid)
  }
  // access(2) of a user that is not root forgets the capability unless the bit says no; initdb looks for postgres by it.
  const enter = [
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search"
  ]
  const become = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"]
  const command = setpriv(...become, ...enter, endsWithUs) ?? setpriv(...become, endsWithUs)
  return command === undefined
    ? { command: plain, options: { cwd: "/", uid, gid }, own }
    : { command, options: { cwd: "/" }, own }
}
