using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads what a caller of Bedrock's runtime asks for, in one pass over the bytes of its body.</summary>
internal ref struct BedrockRequest
{
    private readonly RequestOffsets _offsets = new();
    private Utf8JsonReader _reader;
    private long _textBytes;
    private long _files;
    private int? _maxTokens;
    private bool _isPlain = true;
    private bool _isLastUsers;

    private BedrockRequest(ReadOnlySpan<byte> body) =>
        _reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });

    /// <param name="model">The model that the path names.</param>
    /// <param name="isStream">True: its answer is a stream.</param>
    public static ModelRequest? ReadConverse(string model, string path, bool isStream, ReadOnlyMemory<byte> body, out ModelFault? fault)
    {
        var scan = new BedrockRequest(body.Span);
        try
        {
            fault = scan.ReadBody();
        }
        catch (JsonException e)
        {
            fault = new(400, scan._reader.CurrentDepth >= RequestScan.MostDepth
                ? $"The body is nested deeper than {RequestScan.MostDepth} levels."
                : $"The body is no JSON: line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.");
        }
        if (fault is not null)
            return null;
        return new ModelRequest
        {
            Api = ModelApi.Bedrock,
            Operation = ModelOperation.Chat,
            Model = model,
            Path = path,
            IsStream = isStream,
            Body = body,
            Offsets = scan._offsets,
            PromptTokens = (int)Math.Min(int.MaxValue, (scan._textBytes / 4) + (1000 * scan._files) + (4L * scan._offsets.MessageCount)),
            MaxTokens = scan._maxTokens,
            // A last message of the assistant begins the answer already.
            IsContinuable = scan._isPlain && scan._isLastUsers,
        };
    }

    private ModelFault? ReadBody()
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
            return new(400, "The body must be a JSON object.");
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMessages = _reader.ValueTextEquals("messages"u8);
            var isInference = _reader.ValueTextEquals("inferenceConfig"u8);
            var changesAnswer = _reader.ValueTextEquals("toolConfig"u8) || _reader.ValueTextEquals("outputConfig"u8)
                || _reader.ValueTextEquals("additionalModelRequestFields"u8) || _reader.ValueTextEquals("guardrailConfig"u8)
                || _reader.ValueTextEquals("promptVariables"u8);
            _reader.Read();
            if (changesAnswer)
                _isPlain &= _reader.TokenType == JsonTokenType.Null;
            if (isMessages && ReadMessages() is { } fault)
                return fault;
            if (isInference && _reader.TokenType == JsonTokenType.StartObject)
                ReadInference();
            else if (!isMessages)
                Count();
        }
        // Throws if something follows.
        _reader.Read();
        return null;
    }

    private ModelFault? ReadMessages()
    {
        if (_reader.TokenType == JsonTokenType.Null)
            return null;
        if (_reader.TokenType != JsonTokenType.StartArray)
            return new(400, "'messages' must be a list of messages.") { Param = "messages" };
        var start = (int)_reader.TokenStartIndex;
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
                return new(400, $"'messages[{_offsets.MessageCount}]' must be an object with a role and content.") { Param = "messages" };
            _isLastUsers = false;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var isRole = _reader.ValueTextEquals("role"u8);
                _reader.Read();
                if (isRole)
                    _isLastUsers = _reader.TokenType == JsonTokenType.String && _reader.ValueTextEquals("user"u8);
                Count();
            }
            _offsets.MessageCount++;
        }
        _offsets.Messages = new Stretch(start, (int)_reader.BytesConsumed - start);
        return null;
    }

    private void ReadInference()
    {
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMost = _reader.ValueTextEquals("maxTokens"u8);
            _reader.Read();
            if (isMost && _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var most))
                _maxTokens = most;
            _reader.Skip();
        }
    }

    // Adds up the text of a value and passes over it. Pictures and documents count as what they are worth, not by their bytes.
    private void Count()
    {
        var depth = _reader.CurrentDepth;
        var isFile = false;
        while (true)
        {
            if (_reader.TokenType == JsonTokenType.PropertyName)
                isFile = _reader.ValueTextEquals("bytes"u8);
            else if (_reader.TokenType == JsonTokenType.String && isFile)
                _files++;
            else if (_reader.TokenType == JsonTokenType.String)
                _textBytes += _reader.ValueSpan.Length;
            if (_reader.CurrentDepth <= depth && _reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject or JsonTokenType.PropertyName))
                return;
            _reader.Read();
        }
    }
}
