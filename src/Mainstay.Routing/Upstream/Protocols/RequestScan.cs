using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// What the gateway must know of a request in JSON, of the APIs openai and anthropic: read in one pass over its bytes without a tree, so
/// that a body of 100 MB or a million messages costs its bytes and no more. Fields that it does not know are passed over.
/// </summary>
internal sealed class RequestScan
{
    /// <summary>Levels that objects and lists may be nested.</summary>
    public const int MostDepth = 64;

    private const int LongestModel = 256;

    // In the order of Field.
    private static readonly byte[][] Names =
    [
        "model"u8.ToArray(), "stream"u8.ToArray(), "messages"u8.ToArray(), "prompt"u8.ToArray(), "input"u8.ToArray(),
        "instructions"u8.ToArray(), "system"u8.ToArray(), "max_tokens"u8.ToArray(), "max_completion_tokens"u8.ToArray(),
        "max_output_tokens"u8.ToArray(), "n"u8.ToArray(), "best_of"u8.ToArray(), "tools"u8.ToArray(), "functions"u8.ToArray(),
        "response_format"u8.ToArray(), "output_config"u8.ToArray(), "thinking"u8.ToArray(), "logprobs"u8.ToArray(), "top_logprobs"u8.ToArray(),
        "modalities"u8.ToArray(), "audio"u8.ToArray(), "suffix"u8.ToArray(), "echo"u8.ToArray(), "stream_options"u8.ToArray(),
        "continue_final_message"u8.ToArray(), "add_generation_prompt"u8.ToArray(),
    ];

    private ulong _seen;
    private long _textBytes;
    private long _tokens;
    private bool _isPlain = true;
    private bool _isLastAssistant;
    private bool _continuesFinal;
    private bool _hasPromptFlags;

    private RequestScan()
    {
    }

    private enum Field
    {
        Unknown = -1,
        Model,
        Stream,
        Messages,
        Prompt,
        Input,
        Instructions,
        System,
        MaxTokens,
        MaxCompletionTokens,
        MaxOutputTokens,
        Choices,
        BestOf,
        Tools,
        Functions,
        ResponseFormat,
        OutputConfig,
        Thinking,
        LogProbabilities,
        TopLogProbabilities,
        Modalities,
        Audio,
        Suffix,
        Echo,
        StreamOptions,
        ContinueFinal,
        GenerationPrompt,
    }

    public RequestOffsets Offsets { get; } = new();

    /// <summary>Empty: it names none.</summary>
    public string Model { get; private set; } = "";

    public bool IsStream { get; private set; }

    public int? MaxTokens { get; private set; }

    /// <summary>Answers wanted, from 1.</summary>
    public int Choices { get; private set; } = 1;

    public bool WantsUsage { get; private set; }

    public bool HasMessages => Has(Field.Messages);

    public bool HasPrompt => Has(Field.Prompt);

    public bool HasInput => Has(Field.Input);

    /// <summary>A token for four bytes of text, four for each message, a thousand for each picture or file.</summary>
    public int PromptTokens => (int)Math.Min(int.MaxValue, _tokens + (_textBytes / 4));

    /// <summary>True if a cut answer may be gone on from after the messages: by openai's rules, for servers that go on from a last message of
    /// the assistant if they are told to.</summary>
    public bool IsChatContinuable => _isPlain && Choices == 1 && HasMessages
        && (_isLastAssistant ? _continuesFinal && Offsets.Begun.IsThere : !_hasPromptFlags);

    /// <summary>True if the last message is the assistant's, and the answer goes on from it because its caller says so.</summary>
    public bool ContinuesFinal => _continuesFinal && Offsets.Begun.IsThere;

    /// <summary>Likewise by anthropic's rules: a last message of the assistant is always the beginning of the answer.</summary>
    public bool IsMessageContinuable => _isPlain && HasMessages && (!_isLastAssistant || Offsets.Begun.IsThere);

    /// <summary>True if a cut answer may be gone on from after its prompt.</summary>
    public bool IsPromptContinuable => _isPlain && Choices == 1 && Offsets.Prompt.IsThere;

    /// <summary>Reads a body.</summary>
    /// <param name="body">All of it.</param>
    /// <param name="fault">What is wrong with it; null: nothing. What was read before is returned all the same.</param>
    public static RequestScan Read(ReadOnlySpan<byte> body, out ModelFault? fault)
    {
        var scan = new RequestScan();
        if (body.IsEmpty || !System.Text.Unicode.Utf8.IsValid(body))
        {
            fault = Refused(body.IsEmpty ? "The request has no body: a JSON object was expected." : "The body is no JSON: it is not UTF-8.");
            return scan;
        }
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MostDepth });
        try
        {
            fault = scan.ReadBody(ref reader);
        }
        catch (JsonException e)
        {
            // On the token that opens the last level allowed, the depth is still that of the one above.
            fault = reader.CurrentDepth >= MostDepth - 1 && reader.TokenType is (JsonTokenType.StartArray or JsonTokenType.StartObject)
                ? Refused($"The body is nested deeper than {MostDepth} levels.")
                : Refused($"The body is no JSON: line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.");
        }
        return scan;
    }

    private static ModelFault Refused(string message, string? param = null) =>
        new(400, message) { Param = param, Code = param is null ? "invalid_json" : "invalid_type" };

    private ModelFault? ReadBody(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return Refused("The body must be a JSON object.");
        Offsets.Inside = (int)reader.BytesConsumed;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = Known(ref reader);
            reader.Read();
            if (field == Field.Unknown)
            {
                reader.Skip();
                continue;
            }
            var bit = 1UL << (int)field;
            if ((_seen & bit) != 0)
                return new(400, $"The field '{Name(field)}' stands in the body twice.") { Param = Name(field), Code = "duplicate_field" };
            // What is null counts as not there, as the providers take it.
            if (reader.TokenType != JsonTokenType.Null || field == Field.StreamOptions)
                _seen |= bit;
            if (Take(field, ref reader) is { } fault)
                return fault;
        }
        // Throws if something follows.
        reader.Read();
        return null;
    }

    private static Field Known(ref Utf8JsonReader reader)
    {
        for (var i = 0; i < Names.Length; i++)
            if (reader.ValueTextEquals(Names[i]))
                return (Field)i;
        return Field.Unknown;
    }

    private static string Name(Field field) => System.Text.Encoding.ASCII.GetString(Names[(int)field]);

    private bool Has(Field field) => (_seen & (1UL << (int)field)) != 0;

    private ModelFault? Take(Field field, ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null && field is not (Field.StreamOptions or Field.Model))
            return null;
        switch (field)
        {
            case Field.Model:
                return TakeModel(ref reader);
            case Field.Messages:
                return TakeMessages(ref reader);
            case Field.StreamOptions:
                return TakeStreamOptions(ref reader);
            case Field.Stream or Field.Echo or Field.ContinueFinal or Field.GenerationPrompt:
                return TakeSwitch(field, ref reader);
            case Field.MaxTokens or Field.MaxCompletionTokens or Field.MaxOutputTokens or Field.Choices or Field.BestOf:
                return TakeNumber(field, ref reader);
            case Field.Prompt when reader.TokenType == JsonTokenType.String:
                Offsets.Prompt = JsonPlace.Here(ref reader);
                break;
            case Field.Tools or Field.Functions:
                if (reader.TokenType != JsonTokenType.StartArray)
                    return Refused($"'{Name(field)}' must be a list.", Name(field));
                _isPlain &= !Count(ref reader);
                return null;
            case Field.ResponseFormat:
                _isPlain &= JsonPlace.TypeIs(ref reader, "text"u8);
                return null;
            case Field.Thinking:
                _isPlain &= JsonPlace.TypeIs(ref reader, "disabled"u8);
                return null;
            case Field.LogProbabilities:
                _isPlain &= reader.TokenType == JsonTokenType.False;
                break;
            case Field.TopLogProbabilities or Field.Audio or Field.Suffix or Field.OutputConfig:
                _isPlain = false;
                reader.Skip();
                return null;
            case Field.Modalities:
                TakeModalities(ref reader);
                return null;
        }
        Count(ref reader);
        return null;
    }

    private ModelFault? TakeModel(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
            return Refused("'model' must be a string: the name of a model.", "model");
        Offsets.Model = JsonPlace.Here(ref reader);
        var model = Offsets.Model.Length > 6 * LongestModel ? null : JsonText.Read(ref reader);
        // It may stand in a path or in a field of a head.
        if (model is null || model.Length > LongestModel || model.AsSpan().ContainsAnyInRange('\0', ' ') || model.Any(char.IsSurrogate))
            return new(400, $"'model' must be the name of a model: at most {LongestModel} characters, no spaces or control characters.")
            { Param = "model", Code = "invalid_value" };
        Model = model;
        return null;
    }

    private ModelFault? TakeSwitch(Field field, ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
            return Refused($"'{Name(field)}' must be true or false.", Name(field));
        var isOn = reader.TokenType == JsonTokenType.True;
        if (field == Field.Stream)
            IsStream = isOn;
        else if (field == Field.Echo)
            _isPlain &= !isOn;
        else
            _hasPromptFlags = true;
        if (field == Field.ContinueFinal)
            _continuesFinal = isOn;
        return null;
    }

    private ModelFault? TakeNumber(Field field, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.Number)
            return Refused($"'{Name(field)}' must be a number.", Name(field));
        // What is no whole number is for the provider to refuse.
        if (!reader.TryGetInt32(out var number))
            return null;
        if (field is Field.Choices or Field.BestOf)
            Choices = Math.Max(Choices, number);
        else
        {
            MaxTokens = Math.Max(MaxTokens ?? 0, number);
            Offsets.MaxTokens.Add((JsonPlace.Here(ref reader), number));
        }
        return null;
    }

    private ModelFault? TakeStreamOptions(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.Null))
            return Refused("'stream_options' must be an object.", "stream_options");
        if (reader.TokenType == JsonTokenType.StartObject)
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                Offsets.HasStreamOptions = true;
                var isUsage = reader.ValueTextEquals("include_usage"u8);
                reader.Read();
                if (isUsage)
                {
                    WantsUsage = reader.TokenType == JsonTokenType.True;
                    var at = (int)reader.TokenStartIndex;
                    reader.Skip();
                    Offsets.IncludeUsage = new Stretch(at, (int)reader.BytesConsumed - at);
                }
                else
                {
                    reader.Skip();
                }
            }
        Offsets.StreamOptions = new Stretch(start, (int)reader.BytesConsumed - start);
        return null;
    }

    private void TakeModalities(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            _isPlain = false;
            reader.Skip();
            return;
        }
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            _isPlain &= reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("text"u8);
            reader.Skip();
        }
    }

    private ModelFault? TakeMessages(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return Refused("'messages' must be a list of messages.", "messages");
        var start = (int)reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
                return Refused($"'messages[{Offsets.MessageCount}]' must be an object with a role and content.", $"messages[{Offsets.MessageCount}]");
            TakeMessage(ref reader);
            Offsets.MessageCount++;
            _tokens += 4;
        }
        Offsets.Messages = new Stretch(start, (int)reader.BytesConsumed - start);
        return null;
    }

    private void TakeMessage(ref Utf8JsonReader reader)
    {
        _isLastAssistant = false;
        var content = default(Stretch);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isRole = reader.ValueTextEquals("role"u8);
            var isContent = reader.ValueTextEquals("content"u8);
            reader.Read();
            if (isRole)
                _isLastAssistant = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("assistant"u8);
            else if (isContent && reader.TokenType == JsonTokenType.String)
                content = JsonPlace.Here(ref reader);
            if (isRole)
                reader.Skip();
            else
                Count(ref reader);
        }
        Offsets.Begun = _isLastAssistant ? content : default;
    }

    // Adds up the text of a value; true if it holds any value at all inside.
    private bool Count(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        var isFile = false;
        var hasInside = false;
        while (true)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    isFile = reader.ValueTextEquals("url"u8) || reader.ValueTextEquals("image_url"u8) || reader.ValueTextEquals("data"u8)
                        || reader.ValueTextEquals("file_data"u8);
                    break;
                case JsonTokenType.String:
                    if (isFile)
                        _tokens += 1000;
                    else
                        _textBytes += reader.ValueSpan.Length - (reader.ValueIsEscaped ? 3L * reader.ValueSpan.Count("\\u"u8) : 0);
                    isFile = false;
                    break;
                case JsonTokenType.Number:
                    _tokens++;
                    break;
            }
            if (reader.CurrentDepth <= depth && reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
                return hasInside;
            reader.Read();
            hasInside |= reader.TokenType is not (JsonTokenType.EndArray or JsonTokenType.EndObject);
        }
    }
}
