import { asked } from '@/journey/asked.mjs';

export const runtime = 'edge';
export const dynamic = 'force-dynamic';

export async function POST(request: Request): Promise<Response> {
  return Response.json(await asked(new URL(request.url).searchParams));
}
