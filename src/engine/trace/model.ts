import { PbfWriter } from 'pbf';
import type { Attribute, Dtype, Node, Shape, Value } from './graph.ts';
import { sizeOf } from './graph.ts';

// Field numbers and enumerations are those of onnx.proto, IR version 10.
const elementTypes: Record<Dtype, number> = { float32: 1, int32: 6, int64: 7, bool: 9 };
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 };

type Write = (pbf: PbfWriter) => void;

/**
 * The bytes of an ONNX ModelProto that computes `outputs` from graph inputs. Only what the outputs need is
 * written, except that every value of `inputs` stays an input.
 */
export function writeModel(
  name: string,
  inputs: readonly Value[],
  outputs: Readonly<Record<string, Value>>,
): Uint8Array {
  const { nodes, constants } = reachable(Object.values(outputs));
  const names = new Map<Value, string>();
  const copies: [from: Value, to: string][] = [];
  for (const [output, value] of Object.entries(outputs)) {
    if (value.node && !names.has(value)) names.set(value, output);
    else copies.push([value, output]);
  }
  const nameOf = (value: Value) => value.input ?? names.get(value) ?? `%${value.id}`;
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 10);
  pbf.writeStringField(2, 'rlev');
  message(pbf, 7, (graph) => {
    for (const node of nodes) message(graph, 1, operation(node, nameOf));
    for (const [value, output] of copies) message(graph, 1, named('Identity', [nameOf(value)], [output]));
    graph.writeStringField(2, name);
    for (const constant of constants) message(graph, 5, tensor(constant, nameOf(constant)));
    for (const value of inputs) message(graph, 11, valueInfo(nameOf(value), value));
    for (const [output, value] of Object.entries(outputs)) message(graph, 12, valueInfo(output, value));
  });
  for (const [domain, version] of [
    ['', 21],
    ['com.microsoft', 1],
  ] as const) {
    message(pbf, 8, (opset) => {
      opset.writeStringField(1, domain);
      opset.writeVarintField(2, version);
    });
  }
  return pbf.finish();
}

function reachable(outputs: readonly Value[]): { nodes: Node[]; constants: Value[] } {
  const seen = new Set<Value | Node>();
  const values: Value[] = [];
  const pending = [...outputs];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    values.push(value);
    if (value.node) pending.push(...value.node.inputs);
  }
  // A value is made after all that it is made from, so the order of ids is a topological one.
  values.sort((a, b) => a.id - b.id);
  const nodes = new Set<Node>();
  for (const value of values) if (value.node) nodes.add(value.node);
  return { nodes: [...nodes], constants: values.filter((v) => v.constant !== undefined) };
}

function message(pbf: PbfWriter, field: number, write: Write): void {
  pbf.writeMessage(field, (_, inner) => write(inner), undefined);
}

function operation(node: Node, nameOf: (value: Value) => string): Write {
  return (pbf) => {
    named(node.op, node.inputs.map(nameOf), node.outputs.map(nameOf))(pbf);
    for (const [name, value] of Object.entries(node.attributes)) message(pbf, 5, attribute(name, value));
    if (node.domain) pbf.writeStringField(7, node.domain);
  };
}

function named(op: string, inputs: readonly string[], outputs: readonly string[]): Write {
  return (pbf) => {
    for (const input of inputs) pbf.writeStringField(1, input);
    for (const output of outputs) pbf.writeStringField(2, output);
    pbf.writeStringField(4, op);
  };
}

function attribute(name: string, value: Attribute): Write {
  return (pbf) => {
    pbf.writeStringField(1, name);
    if (typeof value === 'number') {
      pbf.writeVarintField(3, value);
      pbf.writeVarintField(20, attributeTypes.int);
    } else if (typeof value === 'string') {
      pbf.writeBytesField(4, new TextEncoder().encode(value));
      pbf.writeVarintField(20, attributeTypes.string);
    } else if ('float' in value) {
      pbf.writeFloatField(2, value.float);
      pbf.writeVarintField(20, attributeTypes.float);
    } else {
      for (const n of value) pbf.writeVarintField(8, n);
      pbf.writeVarintField(20, attributeTypes.ints);
    }
  };
}

function tensor(value: Value, name: string): Write {
  return (pbf) => {
    for (const n of value.shape) pbf.writeVarintField(1, n);
    pbf.writeVarintField(2, elementTypes[value.dtype]);
    pbf.writeStringField(8, name);
    pbf.writeBytesField(9, rawBytes(value));
  };
}

function rawBytes(value: Value): Uint8Array {
  const constant = value.constant!;
  if ('values' in constant) {
    const { buffer, byteOffset, byteLength } = constant.values;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  const count = sizeOf(value.shape);
  switch (value.dtype) {
    case 'float32':
      return new Uint8Array(new Float32Array(count).fill(constant.fill).buffer);
    case 'int32':
      return new Uint8Array(new Int32Array(count).fill(constant.fill).buffer);
    case 'int64':
      return new Uint8Array(new BigInt64Array(count).fill(BigInt(constant.fill)).buffer);
    case 'bool':
      return new Uint8Array(count).fill(constant.fill);
  }
}

function valueInfo(name: string, type: { readonly dtype: Dtype; readonly shape: Shape }): Write {
  return (pbf) => {
    pbf.writeStringField(1, name);
    message(pbf, 2, (typeProto) => {
      message(typeProto, 1, (tensorType) => {
        tensorType.writeVarintField(1, elementTypes[type.dtype]);
        message(tensorType, 2, (shape) => {
          for (const n of type.shape) message(shape, 1, (dimension) => dimension.writeVarintField(1, n));
        });
      });
    });
  };
}
