export interface TaskItem {
  id: string;
  name: string;
  description: string;
  status: 'not_started' | 'in_progress' | 'completed';
}

export interface Milestone {
  id: string;
  name: string;
  description: string;
  status: 'not_started' | 'in_progress' | 'completed';
  progress: number;
  tasks_completed: number;
  tasks_total: number;
}

export interface Task {
  id: string;
  user_id: string;
  title: string;
  description: string;
  status: 'not_started' | 'in_progress' | 'paused' | 'completed' | 'failed';
  created_at: string;
  updated_at: string;
  started_at?: string;
  completed_at?: string;
  progress: {
    current_milestone: string;
    current_task: string;
    overall_percentage: number;
    milestones: Milestone[];
    tasks: Record<string, TaskItem[]>;
  };
  execution: { api_messages: unknown[]; task_messages: unknown[]; tool_results: unknown[]; error?: string };
  config: { system_prompt: string; auto_approve: boolean };
}

export interface TaskMessage {
  id: string;
  task_id: string;
  role: 'user' | 'assistant' | 'system';
  content: string;
  timestamp: string;
}
