// `node --import …`: the 45 s after which a lost register can live no more are 3 s in this process. That is true of the
// crossings: the client was killed, and the proxy forwards nothing later.
import { replaceOnLoad } from "../../mutants/replaceOnLoad.ts"

replaceOnLoad([
  {
    file: "src/reconcile/settle.ts",
    find: "defaultValue: () => Duration.seconds(45)",
    replace: "defaultValue: () => Duration.seconds(3)"
  }
])
