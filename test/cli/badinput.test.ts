import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { sound } from "../config/load.ts"

const directory = mkdtempSync(join(tmpdir(), "registrywatcher-badinput-"))
afterAll(() => rmSync(directory, { recursive: true }))
const config = join(directory, "x.toml")
writeFileSync(config, sound.replace('"59s"', "59").replace('"hub"', '"hab"'))

const entry = "src/registrywatcher.mjs"
/** The shipped entry, as a process of its own, in an environment that is nothing but what is given. */
const registrywatcher = (
  args: ReadonlyArray<string>,
  {
    env = {},
    node = []
  }: { readonly env?: Record<string, string>; readonly node?: ReadonlyArray<string> } = {}
) =>
  Effect.callback<{ readonly exitCode: unknown; readonly out: string; readonly err: string }>((resume) => {
    execFile(process.execPath, [...node, entry, ...args], { env }, (error, out, err) =>
      resume(Effect.succeed({ exitCode: error?.code ?? 0, out, err }))
    )
  })

const refusal = `${config}:2: poll_interval: expected a duration with its unit, from 1s to 24h, such as "59s" or "1m30s", got 59
${config}:14: repo_map.api.registry_name: expected the name of a [registry_map.…] (did you mean hub?), got "hab"
`

describe("badinput: the shipped entry", () => {
  it.live("refuses a wrong configuration with 78, by line and without a stack, started or checked", () =>
    Effect.gen(function* () {
      const results = yield* Effect.all(
        [
          registrywatcher(["--config", config]),
          registrywatcher(["check-config"], { env: { REGISTRYWATCHER_CONFIG: config } })
        ],
        { concurrency: 2 }
      )
      const refused = { exitCode: 78, out: "", err: refusal }
      assert.deepStrictEqual(results, [refused, refused])
    })
  )

  it.live("refuses an older Node with one sentence and 78, before it reads anything else", () =>
    Effect.gen(function* () {
      const older = `Object.defineProperties(process, {
        version: { value: "v20.1.2" },
        versions: { value: { node: "20.1.2" } }
      })`
      const node = ["--import", `data:text/javascript,${encodeURIComponent(older)}`]
      assert.deepStrictEqual(yield* registrywatcher(["--help"], { node }), {
        exitCode: 78,
        out: "",
        err: "Registrywatcher needs Node 24 or newer; this is v20.1.2. In a checkout, `npm start` uses the right one.\n"
      })
      // An import statement would run before the sentence.
      assert.notMatch(readFileSync(entry, "utf8"), /^\s*(?:import|export)\s/m)
    })
  )
})
