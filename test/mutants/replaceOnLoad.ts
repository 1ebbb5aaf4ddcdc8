import { registerHooks } from "node:module"
import { type Edit, edited, root } from "./Mutant.ts"

/** From now on this process loads the files of the product with these edits made; nothing on disk changes. */
export const replaceOnLoad = (edits: ReadonlyArray<Edit>): void => {
  const here = new URL(`file://${root}`).href
  const files = new Set(edits.map(({ file }) => file))
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      const file = url.startsWith(here) ? url.slice(here.length) : ""
      if (!files.has(file) || loaded.source === undefined || loaded.source === null) return loaded
      const text =
        typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array)
      return { ...loaded, source: edited(file, text.toString(), edits) }
    }
  })
}
