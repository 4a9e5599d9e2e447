/**
 * The strongly connected components of a graph (Tarjan 1972), without recursion: a component comes after all that it leads to.
 * @param edges the nodes that a node leads to
 */
export function strongComponents(
  nodes: number,
  edges: (node: number) => readonly number[],
): readonly (readonly number[])[] {
  const order = new Int32Array(nodes).fill(-1)
  const low = new Int32Array(nodes)
  const isOpen = new Uint8Array(nodes)
  const open: number[] = []
  const components: number[][] = []
  let visited = 0
  for (let root = 0; root < nodes; root++) {
    if (order[root] >= 0) continue
    const path = [{ node: root, targets: edges(root), at: 0 }]
    while (path.length > 0) {
      const step = path[path.length - 1]
      const { node, targets } = step
      if (order[node] < 0) {
        order[node] = low[node] = visited++
        open.push(node)
        isOpen[node] = 1
      }
      if (step.at < targets.length) {
        const target = targets[step.at++]
        if (order[target] < 0) path.push({ node: target, targets: edges(target), at: 0 })
        else if (isOpen[target]) low[node] = Math.min(low[node], order[target])
        continue
      }
      path.pop()
      const caller = path[path.length - 1]
      if (caller) low[caller.node] = Math.min(low[caller.node], low[node])
      if (low[node] === order[node]) {
        const component = open.splice(open.lastIndexOf(node))
        for (const member of component) isOpen[member] = 0
        components.push(component)
      }
    }
  }
  return components
}
