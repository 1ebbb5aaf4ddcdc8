import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"

/** Which folders of src a folder may import (`CONTRIBUTING.md`, the map). `main.ts` and `demo.ts` stand outside. */
const mayImport: Record<string, ReadonlyArray<string>> = {
  domain: [],
  decide: ["domain"],
  config: ["domain"],
  api: ["domain"],
  registry: ["domain"],
  store: ["domain"],
  deployer: ["domain"],
  notifier: ["domain"],
  sim: ["domain"],
  reconcile: ["domain", "decide", "registry", "store", "deployer", "notifier"],
  foresee: ["domain", "decide", "registry", "store", "deployer", "reconcile"],
  server: ["domain", "decide", "api", "registry", "store", "foresee"],
  web: ["domain", "api"],
  cli: ["domain", "api", "config", "decide", "store", "registry", "deployer", "foresee"],
  // Of the product it has the simulators and the embedded Postgres; the controller is another process, behind its API.
  demo: ["domain", "api", "store", "sim"]
}
/** Packages that only some rooms may speak to; a prefix names the packages. */
const onlyFrom: ReadonlyArray<readonly [prefix: string, rooms: ReadonlyArray<string>]> = [
  ["effect/sql", ["store", "migrations"]],
  ["@effect/sql-pg", ["store", "migrations"]],
  ["effect/http", ["api", "server", "cli", "registry", "deployer", "notifier", "sim", "web"]],
  ["undici", ["registry", "deployer", "notifier"]],
  ["smol-toml", ["config"]],
  ["semver", ["decide"]]
]
const importOf = /^(?:import|export)\s[^"]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gms

const files = globSync("{src,migrations}/**/*.{ts,js}")
const room = (file: string): string => {
  const [top, second, third] = file.split("/")
  if (top === "migrations") return "migrations"
  return third === undefined ? "entry" : (second ?? "entry")
}
const imports = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(importOf)].map(
    ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? ""
  )

describe("architecture", () => {
  it("reads every file of src", () => assert.isAbove(files.length, 20))

  it.each(files.map((file) => [file] as const))("%s imports only what its room may", (file) => {
    const here = room(file)
    for (const name of imports(file)) {
      if (name.startsWith(".")) {
        const there = room(new URL(name, `file:///${file}`).pathname.slice(1))
        if (here === "entry" || there === here) continue
        // Migrations are a room of the store, and nobody else's business.
        const may = here === "store" ? ["migrations", ...(mayImport[here] ?? [])] : (mayImport[here] ?? [])
        assert.include(may, there, `${file} imports ${name}`)
        continue
      }
      // Its index brings 735 files of clients of redis: as many as all the rest, at every start.
      assert.notStrictEqual(
        name,
        "@effect/platform-node",
        `${file}: name the module, @effect/platform-node/…`
      )
      for (const [prefix, rooms] of onlyFrom) {
        if (
          name === prefix ||
          name.startsWith(`${prefix}/`) ||
          (prefix === "effect/http" && name.startsWith(prefix))
        ) {
          if (here !== "entry") assert.include(rooms, here, `${file} imports ${name}`)
        }
      }
    }
  })
})
