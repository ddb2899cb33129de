import { asObject, mapInner, type SchemaLike, type SchemaObject } from '../../tools/schema/keywords.js';
import { pointers, References, SchemaRefusal } from '../../tools/schema/references.js';
import type { ConverseRequest, ToolConfiguration } from '../../types.js';

/** Schemas that references lead to beyond so many of them are told as anything. */
const mostWrittenOut = 1_000;

type Tool = NonNullable<ToolConfiguration['tools']>[number];

/** Tools never change, so that each is looked at once, however often it is sent. */
const made = new WeakMap<Tool, Tool>();

/**
 * The request for Nova, which takes `type`, `properties` and `required` at the top of a tool's schema and refuses whatever
 * else stands there, definitions too: references are written out, and what the schema says in words goes into the tool's
 * description. Calls are checked against the whole schema all the same.
 * https://docs.aws.amazon.com/nova/latest/userguide/tool-use-definition.html
 */
export function withPlainSchemas(request: ConverseRequest): ConverseRequest {
  const { toolConfig } = request;
  if (toolConfig?.tools === undefined) return request;
  return { ...request, toolConfig: { ...toolConfig, tools: toolConfig.tools.map(plainTool) } };
}

function plainTool(tool: Tool): Tool {
  const schema = asObject(tool.toolSpec?.inputSchema?.json);
  if (schema === undefined) return tool;
  const known = made.get(tool);
  if (known !== undefined) return known;
  const { type, properties, required, description } = writtenOut(schema);
  const said = [tool.toolSpec?.description, description].filter((each) => typeof each === 'string');
  const json = {
    type,
    ...(properties !== undefined && { properties }),
    ...(required !== undefined && { required }),
  };
  const plain = {
    toolSpec: { ...tool.toolSpec, description: said.join('\n'), inputSchema: { json } },
  } as Tool;
  made.set(tool, plain);
  return plain;
}

/** The schema without references; what goes round in a circle is anything, at its third turn. */
function writtenOut(schema: SchemaObject): SchemaObject {
  let references: References;
  try {
    references = new References(schema);
  } catch (thrown) {
    // Of a library of its own, whose check does not need it.
    if (thrown instanceof SchemaRefusal) return schema;
    throw thrown;
  }
  let count = 0;
  const write = (each: SchemaLike, within: SchemaObject[]): SchemaLike => {
    if (typeof each === 'boolean') return each;
    const turns = within.filter((outer) => outer === each).length;
    if (turns >= 2 || count > mostWrittenOut) {
      return typeof each.description === 'string' ? { description: each.description } : {};
    }
    const inside = [...within, each];
    const own = Object.fromEntries(Object.entries(each).filter(([keyword]) => !elsewhere.has(keyword)));
    const targets = references.of(each).map((target) => {
      count += 1;
      return asObject(write(target, inside)) ?? {};
    });
    return Object.assign(
      {},
      ...targets,
      mapInner(own, (inner) => write(inner, inside)),
    );
  };
  return write(schema, []) as SchemaObject;
}

/** What is only there to be referred to, and the references. */
const elsewhere: ReadonlySet<string> = new Set([
  ...pointers,
  '$anchor',
  '$defs',
  '$dynamicAnchor',
  '$id',
  '$recursiveAnchor',
  '$schema',
  'definitions',
]);
