"""Templates of families that neither think nor call."""

from __future__ import annotations

from tests.data.families.family import IM, Family

_HEADERS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_TURNS = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")

# the question stands for the words of many templates: "hi" is in "this", "think", "while"
CHATML = r"""
{%- for m in messages %}
    {{- '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""

# the template marks itself what the assistant says, the end token with it
MARKED = r"""
{%- for m in messages %}
    {{- '<|im_start|>' + m.role + '\n' }}
    {%- if m.role == 'assistant' %}
        {%- generation %}{{ m.content + '<|im_end|>\n' }}{% endgeneration %}
    {%- else %}{{ m.content + '<|im_end|>\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

# every exchange is a text of its own, the system text inside the first question
LLAMA2 = r"""
{%- if messages[0]['role'] == 'system' %}
    {%- set talk = messages[1:] %}
    {%- set system = '<<SYS>>\n' ~ messages[0]['content'] ~ '\n<</SYS>>\n\n' %}
{%- else %}
    {%- set talk = messages %}
    {%- set system = '' %}
{%- endif %}
{%- for m in talk %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('user and assistant must take turns') }}
    {%- endif %}
    {%- set said = (system if loop.first else '') ~ m['content'] %}
    {%- if m['role'] == 'user' %}
        {{- bos_token ~ '[INST] ' ~ said.strip() ~ ' [/INST]' }}
    {%- elif m['role'] == 'assistant' %}
        {{- ' ' ~ said.strip() ~ ' ' ~ eos_token }}
    {%- endif %}
{%- endfor %}
"""

LLAMA3 = r"""
{{- bos_token }}
{%- for m in messages %}
    {{- '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\n\n' ~ m.content | trim
            ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""

# content may come in parts; a turn of many users ends with one token, a text with another
LLAMA4 = r"""
{{- bos_token }}
{%- for m in messages %}
    {{- '<|header_start|>' ~ m['role'] ~ '<|header_end|>\n\n' }}
    {%- if m['content'] is string %}
        {{- m['content'] }}
    {%- else %}
        {%- for part in m['content'] if part['type'] == 'text' %}
            {{- part['text'] | trim }}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header_start|>assistant<|header_end|>\n\n' }}
{%- endif %}
"""

# no system, no generation prompt; a blank behind the answer's end
MISTRAL_V1 = r"""
{{- bos_token }}
{%- for m in messages %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate') }}
    {%- endif %}
    {%- if m['role'] == 'user' %}
        {{- '[INST] ' ~ m['content'] ~ ' [/INST]' }}
    {%- elif m['role'] == 'assistant' %}
        {{- m['content'] ~ eos_token ~ ' ' }}
    {%- else %}
        {{- raise_exception('Only user and assistant roles are supported!') }}
    {%- endif %}
{%- endfor %}
"""

# system in brackets of its own, a default where there is none
MISTRAL_SMALL = r"""
{%- set default = 'You are a helper, and this is what you do: think while you answer.' %}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {{- '[SYSTEM_PROMPT]' + messages[0]['content'] + '[/SYSTEM_PROMPT]' }}
    {%- set talk = messages[1:] %}
{%- else %}
    {{- '[SYSTEM_PROMPT]' + default + '[/SYSTEM_PROMPT]' }}
    {%- set talk = messages %}
{%- endif %}
{%- for m in talk %}
    {%- if m['role'] == 'user' %}
        {{- '[INST]' + m['content'] + '[/INST]' }}
    {%- elif m['role'] == 'system' %}
        {{- '[SYSTEM_PROMPT]' + m['content'] + '[/SYSTEM_PROMPT]' }}
    {%- elif m['role'] == 'assistant' %}
        {{- m['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('Only user, system and assistant roles are supported!') }}
    {%- endif %}
{%- endfor %}
"""

GEMMA2 = r"""
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}
    {%- endif %}
{%- for m in messages %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant') }}
    {%- endif %}
    {%- set role = 'model' if m['role'] == 'assistant' else m['role'] %}
    {{- '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
"""

# the system text goes in front of the first question
GEMMA3 = r"""
{{- bos_token }}
{%- set first = '' %}
{%- set talk = messages %}
{%- if messages[0]['role'] == 'system' %}
    {%- set first = messages[0]['content'] + '\n\n' %}
    {%- set talk = messages[1:] %}
{%- endif %}
{%- for m in talk %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant') }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' }}
    {{- first if loop.first else '' }}
    {{- m['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
"""

# a finished conversation ends with one more token
PHI3 = r"""
{%- for m in messages %}
    {%- if m['role'] in ('system', 'user', 'assistant') %}
        {{- '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}
"""

PHI4 = r"""
{%- for m in messages %}
    {{- '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}
"""

# a newline behind every answer but the last
OLMO2 = r"""
{{- bos_token }}
{%- for m in messages %}
    {%- if m['role'] == 'assistant' %}
        {{- '<|assistant|>\n' + m['content'] + eos_token + ('' if loop.last else '\n') }}
    {%- else %}
        {{- '<|' + m['role'] + '|>\n' + m['content'] + '\n' }}
    {%- endif %}
    {%- if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}
{%- endfor %}
"""

# role tokens are words, the turn ends with the text's own end
ZEPHYR = r"""
{%- for m in messages %}
    {{- '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}
    {%- if loop.last and add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
{%- endfor %}
"""

VICUNA = r"""
{%- for m in messages %}
    {%- if m['role'] == 'user' %}{{ 'USER: ' + m['content'] + ' ' }}
    {%- elif m['role'] == 'assistant' %}{{ 'ASSISTANT: ' + m['content'] + '</s>' }}
    {%- else %}{{ m['content'] + ' ' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}
"""

ALPACA = r"""
{%- for m in messages %}
    {%- if m['role'] == 'user' %}{{ '### Instruction:\n' + m['content'] + '\n\n' }}
    {%- elif m['role'] == 'assistant' %}{{ '### Response:\n' + m['content'] + '\n\n' }}
    {%- else %}{{ m['content'] + '\n\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}
"""

# a turn ends with words that are no token
PLAIN_END = r"""
{%- for m in messages %}{{ m['role'] | title + ': ' + m['content'] + '\n[end of turn]\n' }}
    {%- endfor %}
{%- if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}
"""

# everything is trimmed, and so is the whole
TRIMMING = r"""
{%- for m in messages %}
    {{- '<|im_start|>' + m['role'] + '\n' + (m['content'] | trim) + '<|im_end|>' }}
    {{- '' if loop.last and not add_generation_prompt else '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

# content in parts only: what is text is left out
PARTS_ONLY = r"""
{%- for m in messages %}
    {{- '<|im_start|>' + m['role'] + '\n' }}
    {%- for part in m['content'] %}{{ part.text }}{% endfor %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

PLAIN = (
    Family("chatml", CHATML, IM, eos="<|im_end|>", bos=None),
    Family("chatml-base", CHATML, IM, eos="<|endoftext|>", bos=None),
    Family("marked", MARKED, IM, eos="<|im_end|>", bos=None),
    Family("llama2", LLAMA2, ("<s>", "</s>")),
    Family(
        "llama3",
        LLAMA3,
        (*_HEADERS, "<|end_of_text|>"),
        eos="<|eot_id|>",
        bos="<|begin_of_text|>",
        stops=("<|end_of_text|>",),
    ),
    Family(
        "llama4",
        LLAMA4,
        ("<|begin_of_text|>", "<|header_start|>", "<|header_end|>", "<|eot|>", "<|end_of_text|>"),
        eos="<|end_of_text|>",
        bos="<|begin_of_text|>",
        stops=("<|eot|>",),
    ),
    Family("mistral-v1", MISTRAL_V1, ("<s>", "</s>")),
    Family(
        "mistral-small",
        MISTRAL_SMALL,
        ("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    ),
    Family("gemma2", GEMMA2, _TURNS, eos="<eos>", bos="<bos>", stops=("<end_of_turn>",)),
    Family("gemma3", GEMMA3, _TURNS, eos="<eos>", bos="<bos>", stops=("<end_of_turn>",)),
    Family(
        "phi3",
        PHI3,
        ("<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        eos="<|endoftext|>",
        stops=("<|end|>",),
    ),
    Family("phi4", PHI4, (*IM, "<|im_sep|>"), eos="<|im_end|>", bos="<|endoftext|>"),
    Family("olmo2", OLMO2, ("<|endoftext|>",), eos="<|endoftext|>", bos="<|endoftext|>"),
    Family("zephyr", ZEPHYR, ("<s>", "</s>")),
    Family("vicuna", VICUNA, ("<s>", "</s>")),
    Family("alpaca", ALPACA, ("<s>", "</s>")),
    Family("plain-end", PLAIN_END, ("<s>", "</s>")),
    Family("trimming", TRIMMING, IM, eos="<|im_end|>", bos=None),
    Family("parts-only", PARTS_ONLY, IM, eos="<|im_end|>", bos=None),
    Family("base", None, ("<s>", "</s>")),
)
