import { readFileSync } from 'node:fs';
import { Quit } from '../exit.js';

/** A plan as its file has it. */
export interface Plan {
  title: string;
  description?: string | undefined;
  milestones: {
    name: string;
    description?: string | undefined;
    items: { name: string; description?: string | undefined }[];
  }[];
}

/** @throws Quit where the file cannot be read or is no plan, naming what is wrong. */
export function readPlan(file: string): Plan {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Quit(`The plan ${file} cannot be read: ${reason(error)}`);
  }
  try {
    return checked(JSON.parse(text));
  } catch (error) {
    throw new Quit(`The plan ${file} cannot be used: ${reason(error)}`);
  }
}

function checked(value: unknown): Plan {
  const { title, description, milestones } = object(value, 'the plan');
  return {
    title: text(title, 'title'),
    description: optionalText(description, 'description'),
    milestones: list(milestones, 'milestones').map((each, m) => {
      const path = `milestones[${m}]`;
      const { name, description, items } = object(each, path);
      return {
        name: text(name, `${path}.name`),
        description: optionalText(description, `${path}.description`),
        items: list(items, `${path}.items`).map((item, i) => {
          const { name, description } = object(item, `${path}.items[${i}]`);
          return {
            name: text(name, `${path}.items[${i}].name`),
            description: optionalText(description, `${path}.items[${i}].description`),
          };
        }),
      };
    }),
  };
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error(`${path} must be an object.`);
  }
  return value as Record<string, unknown>;
}

function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${path} must be a list with elements.`);
  return value;
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string' || value.trim() === '' || value.includes('\n')) {
    throw new Error(`${path} must be a line of text.`);
  }
  return value;
}

function optionalText(value: unknown, path: string): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw new Error(`${path} must be text.`);
  return value;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
