'use client';

import { useEffect, useState } from 'react';
import { asked } from '@/journey/asked.mjs';

export default function Page() {
  const [told, setTold] = useState('');
  useEffect(() => {
    asked(new URLSearchParams(location.search)).then(
      (what: unknown) => setTold(JSON.stringify(what)),
      (error: unknown) => setTold(String(error)),
    );
  }, []);
  return <pre id="told">{told}</pre>;
}
